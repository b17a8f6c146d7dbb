/* SPDX-License-Identifier: MIT */
/*
 * apply.h - making a machine what its description says.
 */
#ifndef MAQET_LIFECYCLE_APPLY_H
#define MAQET_LIFECYCLE_APPLY_H

#include "core/machine/vm.h"

/* Replaces a machine's definition, or adds it when there is none. *outcome
 * is "created", "changed" or "unchanged". Takes the definition. */
int maqet_vm_apply(const struct maqet_context *context,
                   struct maqet_definition *definition, const char **outcome,
                   struct maqet_error **err);

#endif
