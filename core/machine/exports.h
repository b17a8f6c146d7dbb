/* SPDX-License-Identifier: MIT */
/*
 * exports.h - which temporary files exports of a machine's snapshots are writing, so that
 * those of an export that was killed can be removed. The caller holds the machine's lock.
 */
#ifndef MAQET_MACHINE_EXPORTS_H
#define MAQET_MACHINE_EXPORTS_H

#include "core/base/context.h"
#include "core/base/files.h"

/* Writes down a temporary file, in the place of an earlier word on the same path. @id is
 * NULL while it isn't there yet. */
int maqet_exports_record(const struct maqet_context *context, const char *vm,
                         const char *temporary, const struct maqet_file_id *id,
                         struct maqet_error **err);

/* Removes what killed exports have left, and says so; and forgets what is gone. What
 * can't be removed now (its disk is not mounted, say) stays on the list. */
void maqet_exports_sweep(const struct maqet_context *context, const char *vm);

/* Whether anything is on the list. */
bool maqet_exports_any(const struct maqet_context *context, const char *vm);

#endif
