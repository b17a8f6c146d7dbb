/* SPDX-License-Identifier: MIT */
/*
 * export.h - writes what a drive of a stopped machine holds to a file.
 */
#ifndef MAQET_LIFECYCLE_EXPORT_H
#define MAQET_LIFECYCLE_EXPORT_H

#include "core/base/context.h"
#include "core/storage/export.h"

/* MAQET_ERROR_STATE: the machine is running. Of an interrupted one nothing is left, as of a
 * snapshot's (core/snapshot/export.h). */
int maqet_vm_export(const struct maqet_context *context, const char *vm,
                    const char *drive, const struct maqet_export *export,
                    struct maqet_error **err);

#endif
