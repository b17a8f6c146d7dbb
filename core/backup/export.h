/* SPDX-License-Identifier: MIT */
/*
 * export.h - writes what a drive holds to a file.
 */
#ifndef MAQET_BACKUP_EXPORT_H
#define MAQET_BACKUP_EXPORT_H

#include "core/job/kind.h"
#include "core/storage/export.h"

/* Of a machine that runs, what the drive holds at one moment. Of an interrupted export nothing is
 * left, as of a snapshot's (core/snapshot/export.h). */
int maqet_vm_export(const struct maqet_context *context, const char *vm,
                    const char *drive, const struct maqet_export *export,
                    struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_export_running;

#endif
