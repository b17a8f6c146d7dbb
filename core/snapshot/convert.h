/* SPDX-License-Identifier: MIT */
/*
 * convert.h - converts the snapshots of a drive of a stopped machine, which are inside of its
 * image, to overlays, or the reverse. They keep their names, dates, contents and parents, and the
 * sets that they belong to.
 */
#ifndef MAQET_SNAPSHOT_CONVERT_H
#define MAQET_SNAPSHOT_CONVERT_H

#include "core/base/context.h"
#include "core/job/kind.h"

/* Either all snapshots of the drive are of the other kind afterwards, as its definition says, or
 * nothing has changed, even if maqet is killed. *count: how many there are. MAQET_ERROR_EXISTS:
 * they are already; MAQET_ERROR_STATE: the machine runs, or somebody needs them as they are;
 * MAQET_ERROR_UNSUPPORTED: the drive cannot have such snapshots. */
int maqet_snapshot_convert(const struct maqet_context *context, const char *vm,
                           const char *drive, bool to_overlays, uint64_t *count,
                           struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_convert_snapshots;

#endif
