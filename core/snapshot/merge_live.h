/* SPDX-License-Identifier: MIT */
/*
 * merge_live.h - overlays that a running QEMU has open (overlay_live.h) are merged by its own jobs.
 *
 * The node that the guest writes to is never merged into the one below while it runs: QEMU would
 * then write to the other one instead at a moment that maqet, if it is killed, does not know.
 */
#ifndef MAQET_SNAPSHOT_MERGE_LIVE_H
#define MAQET_SNAPSHOT_MERGE_LIVE_H

#include "core/machine/opened.h"
#include "core/storage/drive.h"
#include "core/storage/snapshots.h"

/* Notes whether QEMU, which runs, can be asked to merge two nodes upwards. If it is not connected, that is a
 * guess, from the version of its program. */
void maqet_merge_live_foresee(const struct maqet_opened *machine,
                              const struct maqet_drive *drive);

/* Deletes a snapshot, and merges the nodes that nobody needs any more. */
int maqet_merge_live_remove(struct maqet_opened *machine, const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot,
                            struct maqet_error **err);

#endif
