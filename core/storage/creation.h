/* SPDX-License-Identifier: MIT */
/*
 * creation.h - making the image of a drive: in one way for every format, so that it
 * appears whole or not at all, and replaces nothing.
 */
#ifndef MAQET_STORAGE_CREATION_H
#define MAQET_STORAGE_CREATION_H

#include "core/storage/image.h"

/* Whether `start` will be able to make the image, as far as the configuration tells. */
int maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Whom to tell of an image that is about to get its name. */
struct maqet_image_recorder {
    /* @file is what it is called until then. */
    int (*record)(void *data, const struct maqet_drive *drive, const char *file,
                  const struct maqet_file_id *id, struct maqet_error **err);
    void *data;
};

/* Makes the image when it is missing; looks at it when it is there. *state is what it is
 * then: one in a file of this host exists after a success; *created tells whether it was
 * us who made it. @recorder may be NULL. */
int maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                        bool *created, const struct maqet_image_recorder *recorder,
                        struct maqet_error **err);

/* Removes what a maqet that was killed while it was making the image of a drive, which has
 * a path, has left beside it, unless somebody is just making it. */
void maqet_image_sweep(const struct maqet_drive *drive);

/* Whether the image is there (*state tells), or may be made where it would be: what
 * `start` wants to know of all drives before it makes the first image. */
int maqet_image_precheck(const struct maqet_drive *drive, struct maqet_image_state *state,
                         struct maqet_error **err);

#endif
