/* SPDX-License-Identifier: MIT */
/*
 * serial.h - the guest's first serial port: by default its console, which the console's
 * keeper (keeper.h) connects to; unless the key `serial` or the user's arguments say
 * something else.
 */
#ifndef MAQET_MACHINE_SERIAL_H
#define MAQET_MACHINE_SERIAL_H

#include "core/machine/vm.h"

/* Whether it is the keeper's. */
bool maqet_serial_is_kept(const struct maqet_vm *vm);

/* Appends it for QEMU. */
void maqet_serial_add(const struct maqet_vm *vm, struct maqet_args *args);

#endif
