/* SPDX-License-Identifier: MIT */
/*
 * storage-served.c - a path option and a helper: the image is a file that maqet makes and
 * looks at, and a program beside QEMU opens it.
 */
#include "images.h"

static const struct maqet_option options[] = {
    IMAGE_OPTIONS,
    {.name = NULL},
};

static struct maqet_command *
served_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    (void)err;
    maqet_command_word(command, "--persistent");
    maqet_command_word(command, "--shared=4");
    maqet_command_word(command, "--format=qcow2");
    if (maqet_drive_readonly(drive))
        maqet_command_word(command, "--read-only");
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    return command;
}

static int
served_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "nbd");
    maqet_props_string(node, "server.type", "unix");
    maqet_props_string(node, "server.path", maqet_drive_socket(drive));
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "images that a program beside QEMU opens",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .format = "qcow2",
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .space = image_space,
    .create = image_create,
    .inspect = image_inspect,
    .helper = served_helper,
    .resize = image_resize,
    .emit_args = served_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
