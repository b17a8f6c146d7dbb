/* SPDX-License-Identifier: MIT */
/*
 * images_file.h - lists of image records (core/storage/record.h), and the files in which
 * they are kept: images.json in a machine's folder, and DATA/images.json with those images
 * that stayed when their machine was removed, or when a user went on without them.
 */
#ifndef MAQET_MACHINE_IMAGES_FILE_H
#define MAQET_MACHINE_IMAGES_FILE_H

#include "core/base/context.h"
#include "core/storage/record.h"

struct maqet_images {
    struct maqet_image_record *items;
    size_t count;
};

/* An empty record at the end of the list, which owns it. */
struct maqet_image_record *maqet_images_append(struct maqet_images *images);

/* The record of a path: of several, that of the file which is there. NULL: there is none.
 */
struct maqet_image_record *maqet_images_find(const struct maqet_images *images,
                                             const char *path);

/* Takes a record off the list. */
void maqet_images_remove(struct maqet_images *images, size_t index);
void maqet_images_clear(struct maqet_images *images);

#define _cleanup_images_ _cleanup_(maqet_images_clear)

/* The list of a machine, or if @name is NULL that of images without one, for whose writing
 * the caller locks the store. A list that does not exist yet is empty; one that is damaged
 * or cannot be read is an error. */
int maqet_images_load(const struct maqet_context *context, const char *name,
                      struct maqet_images *images, struct maqet_error **err);
int maqet_images_save(const struct maqet_context *context, const char *name,
                      const struct maqet_images *images, struct maqet_error **err);

/* Adds those of @records that are not in @gone to the images without a machine: what maqet
 * created, and what has backing files. Those in @gone are forgotten. */
int maqet_left_images_add(const struct maqet_context *context,
                          const struct maqet_images *records,
                          const struct maqet_strings *gone, struct maqet_error **err);

/* A machine uses images that are on that list: from then on its own records say on which
 * backing files they depend. */
int maqet_left_images_take_over(const struct maqet_context *context,
                                const struct maqet_images *records,
                                struct maqet_error **err);

#endif
