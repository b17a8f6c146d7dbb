/* SPDX-License-Identifier: MIT */
/*
 * creation.h - creates the image of a drive, whatever its format is: it appears as a
 * whole or not at all, and replaces nothing.
 */
#ifndef MAQET_STORAGE_CREATION_H
#define MAQET_STORAGE_CREATION_H

#include "core/storage/record.h"

/* Whether a start can create the image, as far as the configuration tells. */
int maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Inspects the image, and creates it first if it is missing (*created). After success, an
 * image that is a file of this host exists. @recorder may be NULL. */
int maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                        bool *created, const struct maqet_image_recorder *recorder,
                        struct maqet_error **err);

/* Whether an interrupted creation has left something beside the image of a drive, which has
 * a path. */
bool maqet_image_has_leftovers(const struct maqet_drive *drive);

/* Removes it, unless another process is creating the image. */
void maqet_image_sweep(const struct maqet_drive *drive);

/* Whether the image exists (*state) or may be created at its path. A start checks that
 * for all drives before it creates the first image. */
int maqet_image_precheck(const struct maqet_drive *drive, struct maqet_image_state *state,
                         struct maqet_error **err);

#endif
