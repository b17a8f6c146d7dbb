/* SPDX-License-Identifier: MIT */
/*
 * overlay_merge.h - merges nodes with those that they stand on. Each function leaves a complete tree
 * on the disk, whenever it is interrupted.
 */
#ifndef MAQET_STORAGE_OVERLAY_MERGE_H
#define MAQET_STORAGE_OVERLAY_MERGE_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Writes what a node that maqet_overlay_nodes_fill() has created holds into the one that it stands
 * on, and removes its file. */
int maqet_overlay_nodes_pour(const struct maqet_drive *drive, uint64_t id,
                             struct maqet_error **err);

/* Notes how long it took to move so many bytes, from which later ones are estimated. */
void maqet_overlay_nodes_note_rate(struct maqet_overlays *overlays, uint64_t bytes,
                                   double milliseconds);

/* Makes the overlays on storage that is no file of this host store its present name, if that is another
 * one by now (overlay_elsewhere.h), while no QEMU has them open, and writes the tree. */
int maqet_overlay_nodes_renew(const struct maqet_drive *drive, struct maqet_error **err);

/* Merges two superfluous nodes (overlay_nodes.h), while no QEMU has the upper one open, and writes the tree. */
int maqet_overlay_nodes_merge(const struct maqet_drive *drive,
                              const struct maqet_overlay *below,
                              const struct maqet_overlay *above,
                              struct maqet_error **err);

/* Records that two nodes which a QEMU was merging are still two, which show the same as before, and
 * what is in the lower one by now. */
int maqet_overlay_nodes_unmerged(const struct maqet_drive *drive,
                                 struct maqet_error **err);

/* Records that they were merged, by whomever; removes the file that is not needed any more. */
int maqet_overlay_nodes_merged(const struct maqet_drive *drive, uint64_t below,
                               uint64_t above, bool down, struct maqet_error **err);

#endif
