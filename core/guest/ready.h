/* SPDX-License-Identifier: MIT */
/*
 * ready.h - waits until a guest has come so far that something can be done with it.
 */
#ifndef MAQET_GUEST_READY_H
#define MAQET_GUEST_READY_H

#include "core/base/context.h"

enum maqet_ready_kind {
    MAQET_READY_SSH,     /* its ssh server has said its version */
    MAQET_READY_AGENT,   /* its agent answers */
    MAQET_READY_CONSOLE, /* it has written a text to its serial console since its start */
    MAQET_READY_PORT,    /* it has accepted a connection on a port */
    MAQET_READY_STOPPED, /* QEMU has ended */
};

struct maqet_ready {
    enum maqet_ready_kind kind;
    const char *text; /* of CONSOLE */
    unsigned port;    /* of PORT: the guest's */
};

/* How conditions are written, for help and errors. */
#define MAQET_READY_FORMS "ssh, agent, console:TEXT, port:NUMBER, stopped"

/* The word of a condition; one that ends with a colon is followed by a text. NULL after the
 * last one. */
const char *maqet_ready_word(unsigned index);

/* Reads "ssh", "agent", "console:TEXT", "port:80" or "stopped". @ready refers to the text. False:
 * it is none of them. */
bool maqet_ready_parse(const char *text, struct maqet_ready *ready);

/*
 * Waits until the condition is met by a machine, for @timeout ms (negative: no limit).
 * MAQET_ERROR_TIMEOUT; MAQET_ERROR_STATE if the machine does not run, or ends, or its guest has
 * panicked; MAQET_ERROR_UNSUPPORTED if it has no such port, agent or console.
 */
int maqet_ready_wait(const struct maqet_context *context, const char *name,
                     const struct maqet_ready *ready, int64_t timeout,
                     struct maqet_error **err);

#endif
