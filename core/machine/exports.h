/* SPDX-License-Identifier: MIT */
/*
 * exports.h - the temporary files that exports of a machine's snapshots write, recorded
 * so that those of a killed export can be removed. The caller holds the machine's lock.
 */
#ifndef MAQET_MACHINE_EXPORTS_H
#define MAQET_MACHINE_EXPORTS_H

#include "core/base/context.h"
#include "core/base/files.h"

/* Records a temporary file, which replaces an earlier record of its path. @id is NULL
 * before it is created. */
int maqet_exports_record(const struct maqet_context *context, const char *vm,
                         const char *temporary, const struct maqet_file_id *id,
                         struct maqet_error **err);

/* Removes the files that killed exports have left, with a warning, and their records.
 * Files that cannot be removed now (their disk may not be mounted) stay recorded. */
void maqet_exports_sweep(const struct maqet_context *context, const char *vm);

/* Whether any file is recorded. */
bool maqet_exports_any(const struct maqet_context *context, const char *vm);

#endif
