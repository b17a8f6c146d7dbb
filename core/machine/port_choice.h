/* SPDX-License-Identifier: MIT */
/*
 * port_choice.h - which ports of this host a machine gets that is made like another one. They are
 * free when they are chosen, but nobody listens on them before it runs. So no other definition names
 * them either, and whoever chooses some has a lock until the definition with them is stored.
 */
#ifndef MAQET_MACHINE_PORT_CHOICE_H
#define MAQET_MACHINE_PORT_CHOICE_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/machine/network.h"

/* Locks the choice, in the data folder; the lock of the store may be taken afterwards, but no
 * other. A descriptor, whose closing releases the lock, or -1. */
int maqet_port_choice_lock(const struct maqet_context *context, struct maqet_error **err);

/* Adds the ports of the host that definitions name, in `ports` and in `arguments`. */
void maqet_port_choice_add_named(const struct maqet_context *context,
                                 struct maqet_forwards *taken);

/* The next port after @port that is free and not taken; it is taken then. 0: there is none. */
uint32_t maqet_port_choice_next(struct maqet_forwards *taken, bool udp,
                                const char *address, uint32_t port);

/* Reads "tcp:127.0.0.1:2222-:22" (QEMU: slirp_hostfwd() in net/slirp.c), which may be followed by
 * a comma and more. *at: where the port of the host is. False: it names none. The caller frees
 * *address. */
bool maqet_port_rule_read(const char *rule, bool *udp, char **address, uint32_t *port,
                          size_t *at);

#endif
