/* SPDX-License-Identifier: MIT */
/*
 * overlay_frozen.h - nodes that nothing is written to any more: their files are read-only, and what is
 * known of them is compared before anybody relies on what they hold.
 */
#ifndef MAQET_STORAGE_OVERLAY_FROZEN_H
#define MAQET_STORAGE_OVERLAY_FROZEN_H

#include "core/storage/overlays.h"

/* Takes away the permission to write to a node's file, and notes which file it is and what
 * is in it; and the reverse. A block device keeps its permissions, and a node without a file
 * (overlay_elsewhere.h) has none. */
int maqet_overlay_freeze(struct maqet_overlay *node, struct maqet_error **err);
int maqet_overlay_thaw(struct maqet_overlay *node, struct maqet_error **err);

/* Takes away that permission again, if possible, from a file of which it is known what is in it. */
void maqet_overlay_protect(struct maqet_overlay *node);

/* What has changed of a frozen node since, as a phrase like "was written to"; NULL: nothing that is
 * known. The caller frees. */
char *maqet_overlay_change(const struct maqet_overlay *node);

/* Whether a node and those that it stands on are as they were when they were frozen; of a node without
 * a file, whether it is the same storage.
 * MAQET_ERROR_STATE: what has changed. */
int maqet_overlays_check(const struct maqet_overlays *overlays, uint64_t id,
                         struct maqet_error **err);

/* Notes all nodes but the topmost one as they are now; none is prepared. One that is missing is not
 * an error, unless the topmost one stands on it. */
int maqet_overlays_accept(const struct maqet_overlays *overlays,
                          struct maqet_error **err);

#endif
