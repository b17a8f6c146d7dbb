/* SPDX-License-Identifier: MIT */
/*
 * tap.h - the host's end of a network that is not QEMU's own: a tap interface that exists,
 * or a new one on a bridge. QEMU inherits it, since its sandbox allows neither opening one
 * nor running the helper program that does.
 */
#ifndef MAQET_MACHINE_TAP_H
#define MAQET_MACHINE_TAP_H

#include "core/machine/network.h"
#include "core/machine/vm.h"

/* Opens the interface for one start. A descriptor; -1: an error, which says what the
 * administrator has to do. */
int maqet_tap_open(const struct maqet_vm *vm, const struct maqet_network *network,
                   struct maqet_error **err);

/* Whether the interface or the bridge is there. */
int maqet_tap_check(const struct maqet_vm *vm, struct maqet_error **err);

#endif
