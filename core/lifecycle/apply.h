/* SPDX-License-Identifier: MIT */
/*
 * apply.h - checks and stores the definition of a machine.
 */
#ifndef MAQET_LIFECYCLE_APPLY_H
#define MAQET_LIFECYCLE_APPLY_H

#include "core/machine/vm.h"

/* Reads a definition as maqet_definition_read() does, and checks it against the plugins. NULL
 * on error, with all mistakes (maqet_error_add): also those that maqet_vm_check() would find
 * once the others are corrected. */
struct maqet_vm *maqet_vm_read(const struct maqet_context *context,
                               const struct maqet_strings *files,
                               const struct maqet_strings *assignments, const char *name,
                               struct maqet_error **err);

/* The same for a draft (maqet_definition_draft(); NULL: it could not be read) and its mistakes
 * (NULL: none). Takes both. */
struct maqet_vm *maqet_vm_of_draft(const struct maqet_context *context,
                                   struct maqet_definition *draft,
                                   struct maqet_error *mistakes,
                                   struct maqet_error **err);

/* Whether a machine may be stored: its existing images can be used, missing ones can be
 * created as far as the configuration tells, and the drives fit on their buses. Adds the
 * mistakes of all drives (maqet_error_add). */
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
