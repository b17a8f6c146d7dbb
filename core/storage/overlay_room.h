/* SPDX-License-Identifier: MIT */
/*
 * overlay_room.h - whether there is space for a merge of two nodes of a tree of overlays.
 */
#ifndef MAQET_STORAGE_OVERLAY_ROOM_H
#define MAQET_STORAGE_OVERLAY_ROOM_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Whether there is space for what a merge adds to the file that stays: @below if it is merged downwards
 * (@down), else @above. MAQET_ERROR_NO_SPACE: not enough is free. What cannot be found out is no
 * error. */
int maqet_overlay_room_check(const struct maqet_drive *drive,
                             const struct maqet_overlay *below,
                             const struct maqet_overlay *above, bool down,
                             struct maqet_error **err);

/* The same for the merge that follows when a snapshot is deleted, if one does. */
int maqet_overlay_room_check_removal(const struct maqet_drive *drive,
                                     const struct maqet_overlay *node,
                                     struct maqet_error **err);

#endif
