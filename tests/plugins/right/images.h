/* SPDX-License-Identifier: MIT */
/*
 * images.h - qcow2 images in files, made by qemu-img: what several of the storages beside it
 * have in common.
 */
#ifndef MAQET_RIGHT_IMAGES_H
#define MAQET_RIGHT_IMAGES_H

#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_OPTIONS                                                                    \
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},                    \
        {.name = "size",                                                                 \
         .type = MAQET_OPTION_SIZE,                                                      \
         .flags = MAQET_LIMITS,                                                          \
         .minimum = 65536,                                                               \
         .maximum = INT64_C(1) << 50,                                                    \
         .help = "the size of a new image"},                                             \
    {                                                                                    \
        .name = "readonly", .type = MAQET_OPTION_BOOL,                                   \
        .help = "whether the guest may only read"                                        \
    }

static inline int
image_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
            struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "a new image needs a size");
    *at_once = 512 << 10;
    *at_most = size + size / 64 + *at_once;
    return 0;
}

/* qemu-img with one size as its last argument. */
static inline int
image_run(const char *action, const char *path, uint64_t size, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, action);
    maqet_command_word(command, "-q");
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qcow2");
    maqet_command_word(command, "--");
    maqet_command_word(command, path);
    maqet_command_arg(command, "%" PRIu64, (size + 511) / 512 * 512);
    return maqet_command_run(command, err);
}

static inline int
image_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    return image_run("create", path, maqet_drive_size(drive, "size"), err);
}

static inline int
image_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    return image_run("resize", maqet_drive_path(drive), bytes, err);
}

static inline uint64_t
image_number(const unsigned char *bytes, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* By the header, as QEMU's docs/interop/qcow2 has it. */
static inline int
image_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    unsigned char header[72], features[8];
    char base[1024] = "";

    if (pread(fd, header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header, "QFI\xfb", 4) != 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "%s is not a qcow2 image", maqet_drive_path(drive));
    uint64_t at = image_number(header + 8, 8), length = image_number(header + 16, 4);
    if (at != 0 && (at > 65536 || length >= sizeof(base) ||
                    pread(fd, base, length, (off_t)at) != (ssize_t)length))
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "the header of %s is damaged", maqet_drive_path(drive));
    if (at != 0)
        maqet_image_names_file(image, NULL, "backing file", base);
    /* An image of version 3 may have its data in another file. */
    if (image_number(header + 4, 4) >= 3 &&
        pread(fd, features, sizeof(features), 72) == sizeof(features) &&
        (features[7] & 4) != 0)
        maqet_image_names_file(image, NULL, "file with its data", "(unknown)");
    maqet_image_format(image, "qcow2");
    maqet_image_virtual_size(image, image_number(header + 24, 8));
    return 0;
}

#endif
