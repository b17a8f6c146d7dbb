/* SPDX-License-Identifier: MIT */
/*
 * images_file.h - lists of image records (core/storage/record.h) and their files:
 * images.json in a machine's folder, and DATA/images.json for images without a machine,
 * which was removed or no longer uses them.
 */
#ifndef MAQET_MACHINE_IMAGES_FILE_H
#define MAQET_MACHINE_IMAGES_FILE_H

#include "core/base/context.h"
#include "core/storage/record.h"

struct maqet_images {
    struct maqet_image_record *items;
    size_t count;
};

/* The record of a path: of several, that of the existing file. NULL: none. */
struct maqet_image_record *maqet_images_find(const struct maqet_images *images,
                                             const char *path);

void maqet_images_remove(struct maqet_images *images, size_t index);
void maqet_images_clear(struct maqet_images *images);

#define _cleanup_images_ _cleanup_(maqet_images_clear)

/* The list of a machine, or if @name is NULL that of images without one, for whose
 * writing the caller locks the store. A list that does not exist yet is empty; one that
 * is damaged or cannot be read is an error. */
int maqet_images_load(const struct maqet_context *context, const char *name,
                      struct maqet_images *images, struct maqet_error **err);
int maqet_images_save(const struct maqet_context *context, const char *name,
                      const struct maqet_images *images, struct maqet_error **err);

/* Adds those of @records that maqet created or that have backing files to the list of
 * images without a machine, and removes the images @gone from it. */
int maqet_left_images_add(const struct maqet_context *context,
                          const struct maqet_images *records,
                          const struct maqet_strings *gone, struct maqet_error **err);

/* After a machine has recorded images that are on that list: removes their backing files
 * from it, which the machine's records name now. */
int maqet_left_images_take_over(const struct maqet_context *context,
                                const struct maqet_images *records,
                                struct maqet_error **err);

#endif
