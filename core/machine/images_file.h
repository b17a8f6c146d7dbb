/* SPDX-License-Identifier: MIT */
/*
 * images_file.h - lists of image records (core/storage/record.h), and the files in which
 * they are kept.
 */
#ifndef MAQET_MACHINE_IMAGES_FILE_H
#define MAQET_MACHINE_IMAGES_FILE_H

#include "core/storage/record.h"

struct maqet_images {
    struct maqet_image_record *items;
    size_t count;
};

/* An empty record at the end of the list, which owns it. */
struct maqet_image_record *maqet_images_append(struct maqet_images *images);

/* The record of a path; NULL: there is none. */
struct maqet_image_record *maqet_images_find(const struct maqet_images *images,
                                             const char *path);

/* Takes a record off the list. */
void maqet_images_remove(struct maqet_images *images, size_t index);

/* Reads a list of records from a file; there is none: an empty list. What can't be read,
 * or is damaged, is an error, and never an empty list. */
int maqet_images_read(const char *path, struct maqet_images *images,
                      struct maqet_error **err);
int maqet_images_write(const char *path, const struct maqet_images *images,
                       struct maqet_error **err);
/* Reads the list of created images that maqet kept before it had records; there is none:
 * an empty list. */
int maqet_images_read_created(const char *path, struct maqet_images *images,
                              struct maqet_error **err);
void maqet_images_clear(struct maqet_images *images);

#define _cleanup_images_ _cleanup_(maqet_images_clear)

#endif
