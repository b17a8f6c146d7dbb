/* SPDX-License-Identifier: MIT */
/*
 * accel.h - what runs the guest's code: whether KVM can, why not, and what to do then.
 */
#ifndef MAQET_MACHINE_ACCEL_H
#define MAQET_MACHINE_ACCEL_H

#include "core/machine/vm.h"

/* The value of QEMU's -accel for a machine; NULL: its `arguments` say one. */
const char *maqet_vm_accel(const struct maqet_vm *vm);

/* Whether a machine that insists on KVM can have it: MAQET_ERROR_PERMISSION,
 * MAQET_ERROR_MISSING or MAQET_ERROR_UNSUPPORTED with the reason, and how to get it. */
int maqet_vm_accel_check(const struct maqet_vm *vm, struct maqet_error **err);

/* Warns where KVM would have been taken, and TCG has to do. */
void maqet_vm_accel_warn(const struct maqet_vm *vm);

#endif
