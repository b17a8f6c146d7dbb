/* SPDX-License-Identifier: MIT */
/*
 * overlay_table.h - drives with `snapshots: overlay`: a storage whose snapshots are overlays
 * (overlays.h) instead of what its plugin offers. To all above, such a drive is one whose
 * plugin has a snapshot table.
 */
#ifndef MAQET_STORAGE_OVERLAY_TABLE_H
#define MAQET_STORAGE_OVERLAY_TABLE_H

#include "core/storage/drive.h"

/* Gives a drive the overlays over its image, and with `snapshots: overlay` snapshots that are
 * overlays. It gets a fault if its image has overlays although the entry does not say so: then
 * nothing may write to it. */
void maqet_drive_take_overlays(struct maqet_drive *drive);

#endif
