/* SPDX-License-Identifier: MIT */
/*
 * accel.h - what runs the guest's code: whether KVM can, and if not, why and what to do.
 */
#ifndef MAQET_MACHINE_ACCEL_H
#define MAQET_MACHINE_ACCEL_H

#include "core/machine/vm.h"

/* Whether KVM can be opened for guests of an architecture (maqet_vm_arch_of()):
 * MAQET_ERROR_PERMISSION, MAQET_ERROR_MISSING or MAQET_ERROR_UNSUPPORTED with the reason, and
 * what to do. */
int maqet_kvm_check(const char *arch, struct maqet_error **err);

/* The value of QEMU's -accel; NULL: the machine's `arguments` set it. */
const char *maqet_vm_accel(const struct maqet_vm *vm);

/* The same for a machine that requires KVM; others need no check. */
int maqet_vm_accel_check(const struct maqet_vm *vm, struct maqet_error **err);

/* Warns if the machine falls back to TCG because KVM cannot be used. */
void maqet_vm_accel_warn(const struct maqet_vm *vm);

#endif
