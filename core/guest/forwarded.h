/* SPDX-License-Identifier: MIT */
/*
 * forwarded.h - ports of the host that lead to the guest, as QEMU's own network (-netdev
 * user) forwards them, whoever has configured that. QEMU accepts a connection before it
 * knows whether the guest does, so being connected to such a port says nothing: QEMU is
 * asked for the state of its connection to the guest.
 */
#ifndef MAQET_GUEST_FORWARDED_H
#define MAQET_GUEST_FORWARDED_H

#include "core/machine/opened.h"

/* Finds the port of the host that leads to a TCP port of the guest. The caller frees
 * *address. MAQET_ERROR_UNSUPPORTED, with what to add to the definition: there is none. */
int maqet_forwarded_find(struct maqet_opened *machine, unsigned guest_port,
                         char **address, unsigned *port, struct maqet_error **err);

/* Whether the guest accepts a connection on a port, which is closed again: 1 yes; 0 not
 * within @timeout ms, or it closes it at once; -1 it cannot be tried. */
int maqet_forwarded_try(struct maqet_opened *machine, unsigned guest_port,
                        int64_t timeout, struct maqet_error **err);

/* The same for a server of ssh, which must also say its version (RFC 4253, section 4.2). */
int maqet_forwarded_try_ssh(struct maqet_opened *machine, unsigned guest_port,
                            int64_t timeout, struct maqet_error **err);

#endif
