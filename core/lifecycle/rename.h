/* SPDX-License-Identifier: MIT */
/*
 * rename.h - gives a machine another name, at which its checkpoints, snapshots and records
 * remain its own.
 */
#ifndef MAQET_LIFECYCLE_RENAME_H
#define MAQET_LIFECYCLE_RENAME_H

#include "core/base/context.h"

/* Renames a machine, which must not run. MAQET_ERROR_EXISTS: there is one of the new name.
 *
 * The machine has one name or the other at every moment, since its folder is renamed at
 * once; what else contains the name is corrected afterwards, or by the next start. Images
 * are not renamed: those without a path stay where they are (maqet_store_image_name()). */
int maqet_vm_rename(const struct maqet_context *context, const char *name,
                    const char *new_name, struct maqet_error **err);

#endif
