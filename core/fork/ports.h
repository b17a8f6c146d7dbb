/* SPDX-License-Identifier: MIT */
/*
 * ports.h - the ports of this host that a fork is given by the user.
 */
#ifndef MAQET_FORK_PORTS_H
#define MAQET_FORK_PORTS_H

#include "core/machine/definition.h"

/* Changes the forwarded ports of a fork's definition as @wanted says: "2222:22" gives the port
 * 22 of the guest the port 2222 of the host, and "5353:53/udp" the UDP port 53. Of several entries for
 * the same port, each text changes the next one. MAQET_ERROR_INVALID: it is no such text, or the
 * definition does not forward that port. */
int maqet_fork_ports_set(struct maqet_definition *definition,
                         const struct maqet_strings *wanted, struct maqet_error **err);

#endif
