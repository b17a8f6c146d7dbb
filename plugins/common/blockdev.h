/* SPDX-License-Identifier: MIT */
/*
 * blockdev.h - what all storages that are one file or block device of the host have in
 * common: their options, the checks of those, and QEMU's nodes for them.
 */
#ifndef BLOCKDEV_H
#define BLOCKDEV_H

#include <maqet-plugin.h>

extern const char *const blockdev_cache_words[];
extern const char *const blockdev_aio_words[];
extern const char *const blockdev_discard_words[];
extern const char *const blockdev_detect_zeroes_words[];

/* The rows of a plugin's option table that are the same in each. */
/* clang-format off */
#define BLOCKDEV_OPTIONS \
    {.name = "file", .type = MAQET_OPTION_PATH, \
     .help = "the image, created if it is missing, or a block device"}, \
    {.name = "size", .type = MAQET_OPTION_SIZE, \
     .help = "size that the guest sees, such as 20G; used when the image is created"}, \
    {.name = "readonly", .type = MAQET_OPTION_BOOL, \
     .help = "the guest may only read, and the image is never created"}, \
    {.name = "cache", .type = MAQET_OPTION_CHOICE, .choices = blockdev_cache_words, \
     .help = "how the host caches, in QEMU's words; writeback unless given"}, \
    {.name = "aio", .type = MAQET_OPTION_CHOICE, .choices = blockdev_aio_words, \
     .help = "how QEMU does its I/O; native needs cache none or directsync"}, \
    {.name = "discard", .type = MAQET_OPTION_CHOICE, .choices = blockdev_discard_words, \
     .help = "what becomes of space that the guest frees (fstrim): unmap gives it back " \
             "to the host, and is the default for images that are not preallocated"}, \
    {.name = "detect_zeroes", .type = MAQET_OPTION_CHOICE, \
     .choices = blockdev_detect_zeroes_words, \
     .help = "whether written zeroes are stored as holes; unmap needs discard unmap"}
/* clang-format on */

/*
 * Where a layer's properties are in the node: all keys of a layer begin alike.
 * BLOCKDEV_LAYER("backing.file.") is the protocol layer of the backing file, for example.
 */
struct blockdev_layer {
    const char *driver;
    const char *filename;
    const char *aio;
    const char *cache_direct;
    const char *cache_no_flush;
};
#define BLOCKDEV_LAYER(at)                                                               \
    (&(const struct blockdev_layer){at "driver", at "filename", at "aio",                \
                                    at "cache.direct", at "cache.no-flush"})

/* Checks the options above against one another. */
int blockdev_validate(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether the image's space is taken when it is made. */
bool blockdev_preallocated(const struct maqet_drive *drive);

/* The size that an image of the given size has: whole sectors. */
uint64_t blockdev_round_up(uint64_t bytes);

/* Reports that an image can't be made because its size is not known, or is 0. */
int blockdev_error_no_size(const struct maqet_drive *drive, struct maqet_error **err);

/* Appends the drive's node without what is the format's own: its driver, its policies,
 * and below "file" the file or block device itself. The drive must have a path. */
struct maqet_props *blockdev_emit(const struct maqet_drive *drive,
                                  struct maqet_args *args, const char *format);

/* The two kinds of layers, for nodes below the drive's own. */
void blockdev_emit_cache(const struct maqet_drive *drive, struct maqet_props *node,
                         const struct blockdev_layer *layer);
void blockdev_emit_file(const struct maqet_drive *drive, struct maqet_props *node,
                        const struct blockdev_layer *layer, const char *path);

/* The callbacks of that name, for an image that qemu-img and QEMU know how to resize. */
int blockdev_resize(const struct maqet_drive *drive, uint64_t bytes,
                    struct maqet_error **err);
int blockdev_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                         struct maqet_actions *actions, struct maqet_error **err);

#endif
