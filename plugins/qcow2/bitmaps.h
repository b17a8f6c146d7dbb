/* SPDX-License-Identifier: MIT */
/*
 * bitmaps.h - dirty bitmaps that are stored in an image (QEMU: docs/interop/bitmaps). They
 * do not go together with internal snapshots: qemu-img does not revert an image that has
 * bitmaps, and when it repairs one that has both (at least that of QEMU 7.2), it loses all
 * snapshots. So those of maqet's backups, which only save time, are removed first.
 */
#ifndef QCOW2_BITMAPS_H
#define QCOW2_BITMAPS_H

#include <maqet-plugin.h>
#include <stdbool.h>

/* Removes the bitmaps of maqet's backups from the drive's image, which no QEMU has open. */
int bitmaps_remove_ours(const struct maqet_drive *drive, struct maqet_error **err);

/* Does so if it has snapshots, too. *safe: it can be repaired without losing these: it has no
 * bitmaps of others. */
int bitmaps_make_repairable(const struct maqet_drive *drive, bool *safe,
                            struct maqet_error **err);

/* The error for an image that has. Returns -1. */
int bitmaps_error(const struct maqet_drive *drive, struct maqet_error **err);

#endif
