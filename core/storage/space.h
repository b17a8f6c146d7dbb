/* SPDX-License-Identifier: MIT */
/*
 * space.h - whether there is enough space for images.
 */
#ifndef MAQET_STORAGE_SPACE_H
#define MAQET_STORAGE_SPACE_H

#include "core/storage/drive.h"

/* The bytes that are available in the file system of a path. False: not known, or it has
 * no limit (ramfs). */
bool maqet_space_available(const char *path, uint64_t *bytes);

/* Whether there is space in a folder for an image: @at_most bytes, or only @at_once if
 * the drive may be overcommitted. */
int maqet_image_check_room(const struct maqet_drive *drive, const char *folder,
                           uint64_t at_once, uint64_t at_most, struct maqet_error **err);

/* Whether there is space for all missing images of a machine together. */
int maqet_image_check_space(struct maqet_drive *const *drives, size_t count,
                            struct maqet_error **err);

/* Whether an image can grow by @more bytes, unless the drive may be overcommitted. */
int maqet_image_check_growth(const struct maqet_drive *drive, uint64_t more,
                             struct maqet_error **err);

/* Adds a hint to an error about the drive's image if its file system is nearly full. */
void maqet_image_hint_space(const struct maqet_drive *drive, struct maqet_error **err);

#endif
