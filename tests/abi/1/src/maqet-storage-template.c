/* SPDX-License-Identifier: MIT */
/*
 * template.c - a storage plugin to begin with: it makes plain files of a given size and
 * gives them to QEMU as raw disks. Say here what yours is, in a few lines.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "file",
     .type = MAQET_OPTION_PATH,
     .help = "the image, made when it is missing"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 512,
     .maximum = INT64_MAX - 511,
     .help = "size that the guest sees, such as 20G; used when the image is made"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "the guest may only read, and the image is never made"},
    {.name = NULL},
};

/* A disk has whole sectors. */
static uint64_t
round_up(uint64_t bytes)
{
    return (bytes + 511) & ~UINT64_C(511);
}

static int
template_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
               struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0) {
        maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                          "%s is not there yet, and making it needs a `size`",
                          maqet_drive_path(drive));
        maqet_error_hint(err, "Add a line such as `size: 20G`");
        return -1;
    }
    *at_once = 0;
    *at_most = round_up(size);
    return 0;
}

/* @path is a temporary name: maqet puts the finished image into its place. */
static int
template_create(const struct maqet_drive *drive, const char *path,
                struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "raw");
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    maqet_command_arg(command, "%llu",
                      (unsigned long long)round_up(maqet_drive_size(drive, "size")));
    return maqet_command_run(command, err);
}

/* An image that somebody else made may hold anything: only look, and trust nothing. */
static int
template_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                 struct maqet_error **err)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", maqet_drive_path(drive),
                                 strerror(errno));
    maqet_image_format(image, "template");
    maqet_image_virtual_size(image, round_up((uint64_t)size));
    return 0;
}

/* The node has the drive's name: by that the interface plugin attaches it. */
static int
template_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                   struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "raw");
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    if (maqet_drive_readonly(drive))
        maqet_props_bool(node, "read-only", true);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "template",
    .summary = "plain files, a plugin to begin with",
    .version = "0.1",
    .author = "You <you@example.org>",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = template_space,
    .create = template_create,
    .inspect = template_inspect,
    .emit_args = template_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
