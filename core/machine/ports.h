/* SPDX-License-Identifier: MIT */
/*
 * ports.h - the ports of this host that lead to the guest: whether they are free, and which
 * ones a machine that runs has.
 */
#ifndef MAQET_MACHINE_PORTS_H
#define MAQET_MACHINE_PORTS_H

#include "core/machine/network.h"
#include "core/machine/opened.h"

/* Whether QEMU could listen on the ports of a machine that is going to be started; those
 * that its own QEMU has count as free. MAQET_ERROR_BUSY: another process has one, which the
 * error names; MAQET_ERROR_PERMISSION: only root may have it. */
int maqet_ports_check_free(const struct maqet_vm *vm, struct maqet_error **err);

/* Replaces an error of a QEMU that has ended because it did not get a port: another process
 * may have taken that since the check. Other errors stay. Returns -1. */
int maqet_ports_explain(const struct maqet_vm *vm, struct maqet_error **err);

/* Asks QEMU for the ports of a machine that runs, with those that were chosen at its start
 * and those that were added by its monitor. The caller clears *forwards. */
int maqet_ports_ask(struct maqet_opened *machine, struct maqet_forwards *forwards,
                    struct maqet_error **err);

#endif
