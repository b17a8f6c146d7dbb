/* SPDX-License-Identifier: MIT */
/*
 * overlay_costs.h - what the deletion of a snapshot that is an overlay will free and move.
 */
#ifndef MAQET_STORAGE_OVERLAY_COSTS_H
#define MAQET_STORAGE_OVERLAY_COSTS_H

#include "core/storage/drive.h"
#include "core/storage/overlays.h"
#include "core/storage/snapshots.h"

/* Completes the list of a drive with overlays. What cannot be found out stays unknown. */
void maqet_overlay_costs(const struct maqet_drive *drive,
                         struct maqet_snapshots *snapshots);

/* How much one of two nodes holds where the other one (@stays) holds nothing: what that one grows by when
 * both are merged into it, in bytes. False: it is not known. */
bool maqet_overlay_costs_added(const struct maqet_drive *drive, uint64_t goes,
                               uint64_t stays, uint64_t *bytes);

#endif
