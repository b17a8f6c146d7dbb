/* SPDX-License-Identifier: MIT */
/*
 * overlay_costs.h - what the deletion of a snapshot that is an overlay will free and move.
 */
#ifndef MAQET_STORAGE_OVERLAY_COSTS_H
#define MAQET_STORAGE_OVERLAY_COSTS_H

#include "core/storage/drive.h"
#include "core/storage/snapshots.h"

/* Completes the list of a drive with overlays. What cannot be found out stays unknown. */
void maqet_overlay_costs(const struct maqet_drive *drive,
                         struct maqet_snapshots *snapshots);

#endif
