/* SPDX-License-Identifier: MIT */
/*
 * delete.h - deletes snapshots.
 */
#ifndef MAQET_SNAPSHOT_DELETE_H
#define MAQET_SNAPSHOT_DELETE_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"

/* Needs vm, drive, exclude, name, way. @drives gets the drives that it was deleted from,
 * @left (may be NULL) what was left out. */
int maqet_snapshot_delete(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          struct maqet_strings *drives, struct maqet_snapshot_left *left,
                          struct maqet_error **err);

/* What finishing one does, also for a checkpoint (struct maqet_job_phase). */
#define MAQET_DELETE_FINISHING "deletes snapshot '{name}' from {drives}"

extern const struct maqet_job_kind maqet_kind_delete;

#endif
