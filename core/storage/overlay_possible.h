/* SPDX-License-Identifier: MIT */
/*
 * overlay_possible.h - which drives can have overlays. All errors are those of the drive's key
 * `snapshots`.
 */
#ifndef MAQET_STORAGE_OVERLAY_POSSIBLE_H
#define MAQET_STORAGE_OVERLAY_POSSIBLE_H

#include "core/storage/drive.h"

/* Whether anything is written to it that outlives the end of its machine. */
int maqet_overlays_check_possible(const struct maqet_drive *drive,
                                  struct maqet_error **err);

/* Whether the folder beside its image, in which its overlays would be, is a place for images:
 * beside a block device they would be in memory. */
int maqet_overlays_check_folder(const struct maqet_drive *drive,
                                struct maqet_error **err);

/* Whether it is not encrypted, as no overlay is: what the guest writes would be in one as it is. */
int maqet_overlays_check_encryption(const struct maqet_drive *drive,
                                    struct maqet_error **err);

/* Whether the image of a drive that has no overlays yet has no snapshots of its own either: there
 * is one model for each drive. Without an image, there is none. */
int maqet_overlays_check_not_mixed(const struct maqet_drive *drive,
                                   struct maqet_error **err);

#endif
