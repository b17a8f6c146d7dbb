/* SPDX-License-Identifier: MIT */
/*
 * addable.h - whether a machine may be stored.
 */
#ifndef MAQET_LIFECYCLE_ADDABLE_H
#define MAQET_LIFECYCLE_ADDABLE_H

#include "core/machine/vm.h"

/* All that `add` wants to know before it stores a machine: that images which exist may be
 * used, that missing ones can be made as far as the configuration tells, and that the
 * drives fit on their buses. */
int maqet_vm_check(const struct maqet_vm *vm, struct maqet_error **err);

#endif
