/* SPDX-License-Identifier: MIT */
/*
 * storage-device.c - what is never created: a block device of the host, as a disk or a
 * CD-ROM; with -DFILES also a file, which somebody else has made.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <sys/stat.h>
#include <unistd.h>

#ifdef FILES
enum { FILES_TOO = 1 };
#else
enum { FILES_TOO = 0 };
#endif

static const struct maqet_option options[] = {
    {.name = "device",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "the block device"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "whether the guest may only read"},
    {.name = NULL},
};

static int
device_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    struct stat status;
    off_t end = lseek(fd, 0, SEEK_END);

    if (fstat(fd, &status) < 0 || end < 0)
        return maqet_drive_error(drive, "device", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %m", maqet_drive_path(drive));
    if (!S_ISBLK(status.st_mode) && !(FILES_TOO && S_ISREG(status.st_mode)))
        return maqet_drive_error(drive, "device", err, MAQET_ERROR_INVALID,
                                 "%s is no block device", maqet_drive_path(drive));
    maqet_image_format(image, "raw");
    maqet_image_virtual_size(image, (uint64_t)end);
    return 0;
}

static int
device_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    bool readonly = maqet_drive_readonly(drive);

    (void)err;
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", readonly);
    maqet_props_string(node, "file.driver", FILES_TOO ? "file" : "host_device");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    maqet_props_bool(node, "file.read-only", readonly);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "block devices of the host, as they are",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .format = "raw",
    .interface = "virtio",
    .path_option = "device",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_NEVER,
    .inspect = device_inspect,
    .emit_args = device_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
