/* SPDX-License-Identifier: MIT */
/*
 * overlay_view.h - a node of a tree of overlays as a drive of its own, for the callbacks of
 * its plugin: an overlay is a drive of the type of overlays, and the node below all of them a copy
 * of the drive that has them.
 */
#ifndef MAQET_STORAGE_OVERLAY_VIEW_H
#define MAQET_STORAGE_OVERLAY_VIEW_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"

struct maqet_view {
    struct maqet_drive *drive; /* NULL: it was not made */
    bool is_copy;
};

/* Makes the view of a node; it is valid while @drive is. It may be written to if the drive may
 * be, and the node is the topmost one. */
int maqet_view_make(const struct maqet_drive *drive, uint64_t id, struct maqet_view *view,
                    struct maqet_error **err);

/* The view of a node that is about to be written to. */
int maqet_view_make_written(const struct maqet_drive *drive, uint64_t id,
                            struct maqet_view *view, struct maqet_error **err);

/* The view of the node that the guest writes to, of a drive with overlays. */
int maqet_view_make_top(const struct maqet_drive *drive, struct maqet_view *view,
                        struct maqet_error **err);

void maqet_view_clear(struct maqet_view *view);
#define _cleanup_view_ _cleanup_(maqet_view_clear)

#endif
