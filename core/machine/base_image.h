/* SPDX-License-Identifier: MIT */
/*
 * base_image.h - what a file is from which a VM is to be made: a disk image that a firmware
 * could boot, and of which type.
 */
#ifndef MAQET_MACHINE_BASE_IMAGE_H
#define MAQET_MACHINE_BASE_IMAGE_H

#include "core/base/context.h"

struct maqet_base_image {
    char *path;            /* absolute */
    const char *type;      /* one of those that were asked for */
    uint64_t virtual_size; /* bytes */
};

void maqet_base_image_clear(struct maqet_base_image *image);

#define _cleanup_base_image_ _cleanup_(maqet_base_image_clear)

/* Inspects a file (absolute path) as the image of a VM. @types are storage plugins, ended by
 * NULL: the first one whose format the file has counts, and the error is that of the first
 * one if it has none of them. What is compressed, or is no disk, is an error with the reason. */
int maqet_base_image_inspect(const struct maqet_context *context, const char *vm,
                             const char *path, const char *const *types,
                             struct maqet_base_image *image, struct maqet_error **err);

/* Whether a file is a disk image at all, whatever its format: no folder, and not compressed. */
int maqet_base_image_check_file(const char *path, struct maqet_error **err);

/* Whether an image without a header is a disk: it begins with a boot record. */
int maqet_base_image_check_plain(const char *path, struct maqet_error **err);

#endif
