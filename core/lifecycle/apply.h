/* SPDX-License-Identifier: MIT */
/*
 * apply.h - whether a machine may be stored, and making it what its description says.
 */
#ifndef MAQET_LIFECYCLE_APPLY_H
#define MAQET_LIFECYCLE_APPLY_H

#include "core/machine/vm.h"

/* All that `add` wants to know before it stores a machine: that images which exist may be
 * used, that missing ones can be made as far as the configuration tells, and that the
 * drives fit on their buses. */
int maqet_vm_check(const struct maqet_vm *vm, struct maqet_error **err);

/* Replaces a machine's definition, or adds it when there is none. *outcome
 * is "created", "changed" or "unchanged". Takes the definition. */
int maqet_vm_apply(const struct maqet_context *context,
                   struct maqet_definition *definition, const char **outcome,
                   struct maqet_error **err);

#endif
