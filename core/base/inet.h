/* SPDX-License-Identifier: MIT */
/*
 * inet.h - IPv4 ports of this host (of our own network namespace): whether one is free, and
 * the socket that has it (proc_pid_net(5)).
 */
#ifndef MAQET_BASE_INET_H
#define MAQET_BASE_INET_H

#include <stdbool.h>
#include <stdint.h>

/* A TCP or UDP port of a local address, in dotted decimal; "0.0.0.0" is all of them. */
struct maqet_inet_port {
    bool udp;
    const char *address;
    uint16_t port;
};

/* Whether a server could listen on the port: 0, or an errno value. EADDRINUSE: a socket has
 * it; EACCES: it is one for root; EADDRNOTAVAIL: the address is not this host's. */
int maqet_inet_try(const struct maqet_inet_port *port);

/* A socket that has the port. */
struct maqet_inet_holder {
    uint64_t inode; /* as in "socket:[12]" (proc_pid_fd(5)) */
    unsigned uid;   /* its user's */
};

/* False: there is none. */
bool maqet_inet_find(const struct maqet_inet_port *port,
                     struct maqet_inet_holder *holder);

#endif
