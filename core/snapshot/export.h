/* SPDX-License-Identifier: MIT */
/*
 * export.h - writes the content of a snapshot to a file.
 */
#ifndef MAQET_SNAPSHOT_EXPORT_H
#define MAQET_SNAPSHOT_EXPORT_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"
#include "core/storage/export.h"

/* Writes the content of a drive's snapshot to a new file, even while the machine is running.
 * Needs vm, drive, name. */
int maqet_snapshot_export(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          const struct maqet_export *export, struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_export;

#endif
