/* SPDX-License-Identifier: MIT */
/*
 * overlay_damage.h - what is wrong with the nodes of a tree of overlays (overlays.h).
 */
#ifndef MAQET_STORAGE_OVERLAY_DAMAGE_H
#define MAQET_STORAGE_OVERLAY_DAMAGE_H

#include "core/storage/drive.h"
#include "core/storage/image.h"

/* The callback `check` of a drive with overlays: looks at what the guest sees, and unless it is to be
 * quick, at all other nodes, and whether those that are frozen have changed. */
int maqet_overlay_damage_check(const struct maqet_drive *drive,
                               enum maqet_check_depth depth,
                               struct maqet_check_report *report,
                               struct maqet_error **err);

#endif
