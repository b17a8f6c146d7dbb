/* SPDX-License-Identifier: MIT */
/*
 * to_overlays.h - the snapshots that are inside of an image become overlays. The image is
 * the lowest node from then on, and shows its first snapshot; the other snapshots and the present
 * state are overlays, each with the differences from what it was created from.
 */
#ifndef MAQET_SNAPSHOT_TO_OVERLAYS_H
#define MAQET_SNAPSHOT_TO_OVERLAYS_H

#include "core/snapshot/history.h"
#include "core/snapshot/model.h"

/* Whether all snapshots can be overlays. */
int maqet_to_overlays_check(const struct maqet_model_change *change,
                            const struct maqet_drive *drive,
                            const struct maqet_snapshots *snapshots,
                            struct maqet_error **err);

/* Builds the tree in a folder of its own, beside the image, which does not change. */
int maqet_to_overlays_build(struct maqet_model_change *change,
                            const struct maqet_drive *drive,
                            const struct maqet_snapshots *snapshots,
                            const struct maqet_history *history,
                            struct maqet_error **err);

/* Reverts the image, and puts the tree on it; what is done already is not done again. */
int maqet_to_overlays_finish(const struct maqet_model_change *change,
                             struct maqet_error **err);

#endif
