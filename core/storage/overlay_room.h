/* SPDX-License-Identifier: MIT */
/*
 * overlay_room.h - whether there is space for a merge of two nodes of a tree of overlays.
 */
#ifndef MAQET_STORAGE_OVERLAY_ROOM_H
#define MAQET_STORAGE_OVERLAY_ROOM_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

/* Whether the merge of two nodes waits until there is space for what it adds to the file that stays, which
 * is said then if @says: what earlier deletions have left fails no later command. What cannot be found out
 * is no reason to wait. */
bool maqet_overlay_room_is_awaited(const struct maqet_drive *drive,
                                   const struct maqet_overlay *below,
                                   const struct maqet_overlay *above, bool says);

/* MAQET_ERROR_NO_SPACE if that is so of the merge that follows when a snapshot is deleted, if one does. */
int maqet_overlay_room_check_removal(const struct maqet_drive *drive,
                                     const struct maqet_overlay *node,
                                     struct maqet_error **err);

#endif
