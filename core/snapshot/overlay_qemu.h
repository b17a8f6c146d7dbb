/* SPDX-License-Identifier: MIT */
/*
 * overlay_qemu.h - what a running QEMU has of the overlays of a drive (core/storage/overlays.h): their
 * nodes, and the job that merges two of them.
 */
#ifndef MAQET_SNAPSHOT_OVERLAY_QEMU_H
#define MAQET_SNAPSHOT_OVERLAY_QEMU_H

#include "core/machine/opened.h"
#include "core/storage/drive.h"

/* ms that QEMU has for each answer. */
enum { MAQET_OVERLAY_TIMEOUT = 60000 };

/* Adds the machine and the drive to an error. Returns -1. */
int maqet_overlay_qemu_error(const struct maqet_opened *machine,
                             const struct maqet_drive *drive, struct maqet_error **err);

/* The id of the job on a drive. The caller frees. */
char *maqet_overlay_qemu_job(const struct maqet_drive *drive);

/* Has QEMU close a node that nothing stands on or is attached to. It need not be there. */
void maqet_overlay_qemu_close(struct maqet_opened *machine,
                              const struct maqet_drive *drive, uint64_t id);

/* How many nodes QEMU has below a node, by its list @nodes, which is not flat; negative: it has no such
 * node. */
int maqet_overlay_qemu_depth(json_object *nodes, const struct maqet_drive *drive,
                             uint64_t id);

/* Has QEMU write to the disk what it keeps of a node in memory: a job that has merged another node into it
 * need not have done so, and the other one's file is about to be removed. */
int maqet_overlay_qemu_flush(struct maqet_opened *machine,
                             const struct maqet_drive *drive, uint64_t id,
                             struct maqet_error **err);

/* Begins to write what a node holds into the one below; or into it what the nodes between it and @base hold,
 * on which it stands then. */
int maqet_overlay_qemu_begin_down(struct maqet_opened *machine,
                                  const struct maqet_drive *drive, uint64_t below,
                                  uint64_t above, struct maqet_error **err);
int maqet_overlay_qemu_begin_up(struct maqet_opened *machine,
                                const struct maqet_drive *drive, uint64_t base,
                                uint64_t above, struct maqet_error **err);

/* Records what has become of a merge whose job is gone. */
int maqet_overlay_qemu_settle_merging(struct maqet_opened *machine,
                                      const struct maqet_drive *drive, json_object *nodes,
                                      struct maqet_error **err);

#endif
