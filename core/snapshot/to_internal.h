/* SPDX-License-Identifier: MIT */
/*
 * to_internal.h - snapshots that are overlays come to be inside of the image: in a copy of it, into
 * which one overlay after the other is merged, with a snapshot after each.
 */
#ifndef MAQET_SNAPSHOT_TO_INTERNAL_H
#define MAQET_SNAPSHOT_TO_INTERNAL_H

#include "core/snapshot/model.h"

/* Whether the image can have snapshots inside of it, and the overlays are as they were left. */
int maqet_to_internal_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Builds a new image beside the present one. */
int maqet_to_internal_build(struct maqet_model_change *change, struct maqet_job *job,
                            const struct maqet_drive *drive, struct maqet_error **err);

/* Puts it in the place of the present one, and removes the overlays; what is done already is not
 * done again. */
int maqet_to_internal_finish(const struct maqet_model_change *change,
                             struct maqet_error **err);

#endif
