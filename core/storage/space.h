/* SPDX-License-Identifier: MIT */
/*
 * space.h - how much room images need, and whether there is that much where they lie.
 */
#ifndef MAQET_STORAGE_SPACE_H
#define MAQET_STORAGE_SPACE_H

#include "core/storage/drive.h"

/* The bytes that we may write to the file system of a path. False: not known, as of one
 * without blocks (ramfs). */
bool maqet_space_available(const char *path, uint64_t *bytes);

/* Whether there is room in a folder for an image that takes so many bytes. */
int maqet_image_check_room(const struct maqet_drive *drive, const char *folder,
                           uint64_t at_once, uint64_t at_most, struct maqet_error **err);

/* Whether all missing images of a machine fit together where they will be made. */
int maqet_image_check_space(struct maqet_drive *const *drives, size_t count,
                            struct maqet_error **err);

/* Whether there is room for an image to become larger: for all of @more bytes, unless the
 * drive may be overcommitted. */
int maqet_image_check_growth(const struct maqet_drive *drive, uint64_t more,
                             struct maqet_error **err);

/* After something failed at the drive's image: says so where its file system is as good
 * as full. */
void maqet_image_hint_space(const struct maqet_drive *drive, struct maqet_error **err);

#endif
