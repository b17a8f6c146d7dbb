/* SPDX-License-Identifier: MIT */
/*
 * left_images.h - images that stayed when their machine was removed, or when a user went
 * on without them: DATA/images.json.
 */
#ifndef MAQET_MACHINE_LEFT_IMAGES_H
#define MAQET_MACHINE_LEFT_IMAGES_H

#include "core/base/context.h"
#include "core/machine/images_file.h"

/* The list of images whose machine was removed. */
int maqet_left_images_read(const struct maqet_context *context,
                           struct maqet_images *images, struct maqet_error **err);

/* Replaces it; the caller has the store locked. */
int maqet_left_images_write(const struct maqet_context *context,
                            const struct maqet_images *images, struct maqet_error **err);

/* Adds those of @records that are not in @gone: images that maqet created, and such as
 * have backing files. Those in @gone are forgotten. */
int maqet_left_images_add(const struct maqet_context *context,
                          const struct maqet_images *records,
                          const struct maqet_strings *gone, struct maqet_error **err);

/* A machine uses images that are on the list: from then on its own records say on which
 * backing files they depend. */
int maqet_left_images_take_over(const struct maqet_context *context,
                                const struct maqet_images *records,
                                struct maqet_error **err);

#endif
