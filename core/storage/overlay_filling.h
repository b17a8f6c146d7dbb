/* SPDX-License-Identifier: MIT */
/*
 * overlay_filling.h - new nodes that hold something from the beginning: the differences between
 * two images, or what an overlay of another tree holds. The tree on the disk does not have them
 * yet.
 */
#ifndef MAQET_STORAGE_OVERLAY_FILLING_H
#define MAQET_STORAGE_OVERLAY_FILLING_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Adds a node of that size which makes @below look like @shown: two images that are served
 * (served.h). The node that it stands on will show what @below shows, and need not do so now.
 * *id gets it. */
int maqet_overlay_fill_difference(const struct maqet_drive *drive, uint64_t parent,
                                  uint64_t size, const char *shown, const char *below,
                                  uint64_t *id, struct maqet_error **err);

/* Adds a copy of an overlay of another tree. */
int maqet_overlay_fill_copy(const struct maqet_drive *drive, uint64_t parent,
                            const struct maqet_overlay *from, uint64_t *id,
                            struct maqet_error **err);

#endif
