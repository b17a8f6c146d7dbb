/* SPDX-License-Identifier: MIT */
/*
 * apply.h - checks and stores the definition of a machine.
 */
#ifndef MAQET_LIFECYCLE_APPLY_H
#define MAQET_LIFECYCLE_APPLY_H

#include "core/machine/vm.h"

/* Whether a machine may be stored: its existing images can be used, missing ones can be
 * created as far as the configuration tells, and the drives fit on their buses. */
int maqet_vm_check(struct maqet_vm *vm, struct maqet_error **err);

/* Whether the drives of a machine have images of their own, also by their default names. */
int maqet_vm_check_own_images(const struct maqet_vm *vm, struct maqet_error **err);

/* Replaces a machine's definition, or adds it, and says which drives the machine no longer
 * has. With @base, only if that is what is stored; otherwise MAQET_ERROR_STATE. *outcome is "created", "changed" or "unchanged". Takes the
 * definition. */
int maqet_vm_apply(const struct maqet_context *context,
                   struct maqet_definition *definition,
                   const struct maqet_definition *base, const char **outcome,
                   struct maqet_error **err);

#endif
