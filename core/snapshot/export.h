/* SPDX-License-Identifier: MIT */
/*
 * export.h - writing what a snapshot holds to a file.
 */
#ifndef MAQET_SNAPSHOT_EXPORT_H
#define MAQET_SNAPSHOT_EXPORT_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"
#include "core/storage/export.h"

/* Writes what a snapshot of one drive holds to a new file, while the machine runs as
 * well. Needs vm, drive, name; the recorder of @export is ignored. */
int maqet_snapshot_export(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          const struct maqet_export *export, struct maqet_error **err);

/* The row of this job. */
extern const struct maqet_job_kind maqet_kind_export;

#endif
