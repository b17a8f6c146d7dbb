/* SPDX-License-Identifier: MIT */
/*
 * elsewhere.h - storage that is not a file of this host, and that only its plugin can create:
 * once, when it is missing, or for each start, in the drive's folder.
 */
#ifndef MAQET_STORAGE_ELSEWHERE_H
#define MAQET_STORAGE_ELSEWHERE_H

#include "core/storage/record.h"

/* Whether it exists (*state), or may be created. A start checks that for all drives before
 * it creates anything. */
int maqet_elsewhere_check(const struct maqet_drive *drive,
                          struct maqet_image_state *state, struct maqet_error **err);

/* Creates what is to be created now (*created: it was), and inspects it. @recorder may be
 * NULL. */
int maqet_elsewhere_prepare(const struct maqet_drive *drive,
                            struct maqet_image_state *state, bool *created,
                            const struct maqet_image_recorder *recorder,
                            struct maqet_error **err);

/* Deletes what was created once; MAQET_ERROR_UNSUPPORTED: its plugin cannot. */
int maqet_elsewhere_remove(const struct maqet_drive *drive, struct maqet_error **err);

#endif
