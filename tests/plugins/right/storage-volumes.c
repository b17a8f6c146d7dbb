/* SPDX-License-Identifier: MIT */
/*
 * storage-volumes.c - a volume of a pool: it is made once, and removed with the drive, and
 * maqet knows of no file. Two options are paths, one of a folder and one of a file, and no
 * two drives can have the same volume and number.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_CLOEXEC */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "pool",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the folder of the volumes"},
    {.name = "settings",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the file with the settings of the pool"},
    {.name = "volume",
     .type = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED,
     .help = "the volume's name"},
    {.name = "number",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_REQUIRED | MAQET_LIMITS,
     .minimum = 0,
     .maximum = 65535,
     .help = "the volume's number"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 512,
     .maximum = INT64_C(1) << 50,
     .help = "the size of a new volume"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "whether the guest may only read"},
    {.name = NULL},
};

static void
path_of(const struct maqet_drive *drive, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s-%d", maqet_drive_string(drive, "pool"),
             maqet_drive_string(drive, "volume"), (int)maqet_drive_int(drive, "number"));
}

static int
volumes_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    const char *volume = maqet_drive_string(drive, "volume");
    struct stat status;

    if (!*volume || *volume == '.' || strlen(volume) > 200 ||
        volume[strspn(volume, letters)])
        return maqet_drive_error(drive, "volume", err, MAQET_ERROR_INVALID,
                                 "it is not the name of a volume");
    if (strlen(maqet_drive_string(drive, "pool")) > PATH_MAX - 256)
        return maqet_drive_error(drive, "pool", err, MAQET_ERROR_INVALID,
                                 "the path is too long");
    if (stat(maqet_drive_string(drive, "settings"), &status) < 0 ||
        !S_ISREG(status.st_mode))
        return maqet_drive_error(drive, "settings", err, MAQET_ERROR_INVALID,
                                 "it is not a file");
    return 0;
}

static int
volumes_create(const struct maqet_drive *drive, const char *unused,
               struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");
    char path[PATH_MAX];

    (void)unused;
    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "a new volume needs a size");
    path_of(drive, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0)
        return maqet_drive_error(drive, "pool", err, MAQET_ERROR_FAILED,
                                 "cannot make %s: %m", path);
    int result = ftruncate(fd, (off_t)((size + 511) / 512 * 512));
    if (result < 0) {
        maqet_drive_error(drive, "size", err, MAQET_ERROR_FAILED, "cannot make %s: %m",
                          path);
        unlink(path);
    }
    close(fd);
    return result;
}

static int
volumes_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                struct maqet_error **err)
{
    char path[PATH_MAX];
    struct stat status;

    (void)fd;
    path_of(drive, path);
    if (lstat(path, &status) < 0) {
        if (errno == ENOENT)
            maqet_image_missing(image);
        return maqet_drive_error(drive, "volume", err, MAQET_ERROR_FAILED,
                                 "cannot look at %s: %m", path);
    }
    if (!S_ISREG(status.st_mode))
        return maqet_drive_error(drive, "volume", err, MAQET_ERROR_INVALID,
                                 "%s is no volume", path);
    maqet_image_format(image, "raw");
    maqet_image_virtual_size(image, (uint64_t)status.st_size);
    return 0;
}

static int
volumes_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    char path[PATH_MAX];

    path_of(drive, path);
    return truncate(path, (off_t)bytes) == 0
               ? 0
               : maqet_drive_error(drive, "volume", err, MAQET_ERROR_FAILED,
                                   "cannot resize %s: %m", path);
}

static int
volumes_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                  struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    bool readonly = maqet_drive_readonly(drive);
    char path[PATH_MAX];

    (void)err;
    path_of(drive, path);
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", readonly);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", path);
    maqet_props_bool(node, "file.read-only", readonly);
    return 0;
}

static int
volumes_remove(const struct maqet_drive *drive, struct maqet_error **err)
{
    char path[PATH_MAX];

    path_of(drive, path);
    return unlink(path) == 0 || errno == ENOENT
               ? 0
               : maqet_drive_error(drive, "volume", err, MAQET_ERROR_FAILED,
                                   "cannot delete %s: %m", path);
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "volumes of a pool",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .format = "raw",
    .interface = "virtio",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = volumes_validate,
    .create = volumes_create,
    .inspect = volumes_inspect,
    .resize = volumes_resize,
    .emit_args = volumes_emit_args,
    .remove = volumes_remove,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
