/* SPDX-License-Identifier: MIT */
/*
 * raw.c - the disk as it is, byte for byte: in a file, which is made with its full size
 * reserved unless the user says otherwise, or on a block device. CD-ROM images are raw
 * too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/common/probe.h"

static const char plugin_name[] = "raw";
static const char *const preallocation_words[] = {"off", "falloc", "full", NULL};

static const char *const format_words[] = {plugin_name, NULL};

static const struct maqet_option options[] = {
    BLOCKDEV_OPTIONS,
    {.name = "format",
     .type = MAQET_OPTION_CHOICE,
     .choices = format_words,
     .help = "say that an image is raw although it begins like one of another format, "
             "which its guest has written"},
    {.name = "preallocation",
     .type = MAQET_OPTION_CHOICE,
     .fallback = "falloc",
     .choices = preallocation_words,
     .help = "how a new image gets its space: falloc reserves it, full writes it, off "
             "leaves it sparse"},
    {.name = NULL},
};

static int
raw_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
          struct maqet_error **err)
{
    *at_most = blockdev_round_up(maqet_drive_size(drive, "size"));
    *at_once = blockdev_preallocated(drive) ? *at_most : 0;
    return *at_most > 0 ? 0 : blockdev_error_no_size(drive, err);
}

static int
error_system(const char *path, uint64_t size, int number, struct maqet_error **err)
{
    enum maqet_error_code code = number == ENOSPC || number == EDQUOT
                                     ? MAQET_ERROR_NO_SPACE
                                 : number == EACCES ? MAQET_ERROR_PERMISSION
                                                    : MAQET_ERROR_FAILED;

    return maqet_error_set(err, code, "cannot reserve %llu bytes for %s: %s",
                           (unsigned long long)size, path, strerror(number));
}

/*
 * Reserves the space where the file system can, which takes no time whatever the size. It
 * is done here and not by qemu-img because posix_fallocate(), which that calls, would
 * write the whole image block by block on a file system that can't.
 */
static int
reserve(const struct maqet_drive *drive, int fd, uint64_t size)
{
    int result;

    do
        result = fallocate(fd, 0, 0, (off_t)size);
    while (result < 0 && errno == EINTR);
    if (result == 0 || errno != EOPNOTSUPP)
        return result;
    maqet_warn(
        drive,
        "the file system cannot reserve space, so the image is created sparse and takes "
        "its space as it is written");
    return ftruncate(fd, (off_t)size);
}

static int
raw_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    const char *preallocation = maqet_drive_string(drive, "preallocation");
    uint64_t size = blockdev_round_up(maqet_drive_size(drive, "size"));

    if (strcmp(preallocation, "full") == 0) {
        struct maqet_command *command = maqet_command_new("qemu-img");

        maqet_command_arg(command, "create");
        maqet_command_arg(command, "-q");
        maqet_command_arg(command, "-f");
        maqet_command_arg(command, "raw");
        maqet_command_arg(command, "-o");
        maqet_command_arg(command, "preallocation=full");
        maqet_command_arg(command, "--");
        maqet_command_arg(command, "%s", path);
        maqet_command_arg(command, "%llu", (unsigned long long)size);
        return maqet_command_run(command, err);
    }
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_system(path, size, errno, err);
    int result = strcmp(preallocation, "falloc") == 0 ? reserve(drive, fd, size)
                                                      : ftruncate(fd, (off_t)size);
    if (result < 0)
        error_system(path, size, errno, err);
    close(fd);
    return result;
}

static int
raw_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
            struct maqet_error **err)
{
    /* What a guest has written to its disk is no reason to doubt the user's word. */
    const char *format =
        maqet_drive_has(drive, "format") ? plugin_name : probe_format(fd);
    uint64_t size;

    if (!format || probe_size(fd, &size) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", maqet_drive_path(drive),
                                 strerror(errno));
    maqet_image_format(image, format);
    maqet_image_virtual_size(image, blockdev_round_up(size));
    return 0;
}

static int
raw_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
              struct maqet_error **err)
{
    (void)err;
    if (maqet_drive_path(drive)) /* else it is an empty CD-ROM drive */
        blockdev_emit(drive, args, "raw");
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = plugin_name,
    .summary = "plain disk images, CD-ROM images and block devices",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG | MAQET_STORAGE_PLAIN,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = blockdev_validate,
    .space = raw_space,
    .create = raw_create,
    .inspect = raw_inspect,
    .resize = blockdev_resize,
    .live_resize = blockdev_live_resize,
    .emit_args = raw_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
