/* SPDX-License-Identifier: MIT */
/*
 * overlay_live.h - snapshots that are overlays (core/storage/overlays.h) of drives that a
 * running QEMU has open. The overlay is created and opened before the transaction, which only
 * redirects the guest's writes.
 */
#ifndef MAQET_SNAPSHOT_OVERLAY_LIVE_H
#define MAQET_SNAPSHOT_OVERLAY_LIVE_H

#include "core/machine/opened.h"
#include "core/storage/drive.h"

/* Finds out, if a command was interrupted, what a drive's QEMU has made of it, and records
 * that. The machine need not run. */
int maqet_overlay_live_settle(struct maqet_opened *machine,
                              const struct maqet_drive *drive, struct maqet_error **err);

/* The same for all drives of a machine whose definition is loaded. */
int maqet_overlay_live_settle_all(struct maqet_opened *machine, struct maqet_error **err);

/* The same; a drive with which it fails gets the fault MAQET_FAULT_FILES. For
 * context->settle(). */
void maqet_overlay_live_settle_each(struct maqet_opened *machine);

/* Creates the overlay that the guest will write to after the transaction, for a snapshot of
 * that name (NULL: there will be none), and has QEMU open it. */
int maqet_overlay_live_prepare(struct maqet_opened *machine,
                               const struct maqet_drive *drive, const char *name,
                               struct maqet_error **err);

/* Records that the transaction is complete. If it has failed, or its answer is missing, QEMU
 * knows what has become of it: maqet_overlay_live_settle(). */
int maqet_overlay_live_done(const struct maqet_drive *drive, struct maqet_error **err);

#endif
