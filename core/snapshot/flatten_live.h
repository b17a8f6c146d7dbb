/* SPDX-License-Identifier: MIT */
/*
 * flatten_live.h - has a running QEMU make the image of a drive independent of its backing files.
 *
 * QEMU's own job for that, `block-stream`, ends QEMU before 8.2 if a cluster of the image has been
 * written to in part (an assertion in bdrv_co_do_copy_on_readv()). So the image is read through a
 * filter that writes to it what comes from its backing files (`copy-on-read`), by a job that
 * copies all of it to nowhere, in steps of whole clusters.
 */
#ifndef MAQET_SNAPSHOT_FLATTEN_LIVE_H
#define MAQET_SNAPSHOT_FLATTEN_LIVE_H

#include "core/machine/opened.h"

/* Merges, until the image stores no backing file, and all of that is on the disk. */
int maqet_flatten_live_merge(struct maqet_opened *machine,
                             const struct maqet_drive *drive, struct maqet_error **err);

/* Ends what is left of that in QEMU. */
int maqet_flatten_live_end(struct maqet_opened *machine, const struct maqet_drive *drive,
                           struct maqet_error **err);

/* Has QEMU close the backing files, if the image does not need them any more (@merged); and lets
 * nobody write to an image on which overlays stand. */
int maqet_flatten_live_reopen(struct maqet_opened *machine,
                              const struct maqet_drive *drive, bool merged,
                              struct maqet_error **err);

#endif
