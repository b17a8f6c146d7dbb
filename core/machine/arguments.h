/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - whether a machine may have its `arguments`: what QEMU can do with them
 * depends on how it is to run, and on the machine's drives.
 */
#ifndef MAQET_MACHINE_ARGUMENTS_H
#define MAQET_MACHINE_ARGUMENTS_H

#include "core/base/error.h"
#include "core/machine/vm.h"

/* Checks them. Where QEMU is to be @detached, it has no terminal. */
int maqet_vm_arguments_check(const struct maqet_vm *vm, bool detached,
                             struct maqet_error **err);

/* Warns of those that it may have, and that do not do what is expected. */
void maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached);

#endif
