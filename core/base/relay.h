/* SPDX-License-Identifier: MIT */
/*
 * relay.h - moves bytes between a connection and a pair of descriptors, such as a terminal
 * or pipes, in both directions at once.
 */
#ifndef MAQET_BASE_RELAY_H
#define MAQET_BASE_RELAY_H

#include <stdint.h>

struct maqet_relay {
    int peer;      /* the connection, a socket or a terminal; becomes nonblocking */
    int input;     /* what is read there goes to the peer */
    int output;    /* what comes from the peer goes there */
    int escape;    /* the byte in the input that ends the relay; -1: none does */
    int signals;   /* a descriptor whose being readable ends it; -1: none does */
    int64_t quiet; /* ms: after the end of the input, how long the peer may be silent
                    * before the relay ends; negative: no limit */
};

enum maqet_relay_end {
    MAQET_RELAY_CLOSED,        /* the peer has closed the connection */
    MAQET_RELAY_ESCAPED,       /* by the escape byte */
    MAQET_RELAY_QUIET,         /* the peer is silent, after the end of the input */
    MAQET_RELAY_OUTPUT_CLOSED, /* nobody reads the output */
    MAQET_RELAY_SIGNALLED,
};

/* Returns why it has ended. All that was read by then is written. The caller ignores
 * SIGPIPE. */
enum maqet_relay_end maqet_relay_run(const struct maqet_relay *relay);

#endif
