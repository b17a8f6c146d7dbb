/* SPDX-License-Identifier: MIT */
/*
 * storage-filtered.c - named child nodes: a filter on top of the image, which is a node of
 * its own, as is the image's file. The filter limits the guest, or with -DCOPIES copies
 * what is read.
 */
#include "images.h"

static const struct maqet_option limits[] = {
    {.name = "iops",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 1000000,
     .help = "operations per second"},
    {.name = NULL},
};
static const struct maqet_option options[] = {
    IMAGE_OPTIONS,
    {.name = "limits",
     .type = MAQET_OPTION_MAP,
     .options = limits,
     .help = "what the guest is limited to"},
    {.name = NULL},
};

/* "DRIVE-image"; a drive's name is never that long. */
static void
name_child(const struct maqet_drive *drive, const char *suffix, char *name, size_t size)
{
    snprintf(name, size, "%s-%s", maqet_drive_node(drive), suffix);
}

static int
filtered_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                     struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(data, "node-name", maqet_drive_node(drive));
    maqet_props_int(data, "size", (int64_t)bytes);
    return 0;
}

/* What is only read cannot be copied to where it is. */
static bool
filters(const struct maqet_drive *drive)
{
#ifdef COPIES
    return !maqet_drive_readonly(drive);
#else
    (void)drive;
    return true;
#endif
}

static void
emit_filter(const struct maqet_drive *drive, struct maqet_args *args, const char *below)
{
#ifdef COPIES
    struct maqet_props *filter = maqet_args_blockdev(args, maqet_drive_node(drive));

    maqet_props_string(filter, "driver", "copy-on-read");
#else
    char group[256];

    name_child(drive, "limits", group, sizeof(group));
    struct maqet_props *limit = maqet_args_object(args, "throttle-group", group);
    if (maqet_drive_has(drive, "limits.iops"))
        maqet_props_int(limit, "limits.iops-total",
                        maqet_drive_int(drive, "limits.iops"));
    struct maqet_props *filter = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(filter, "driver", "throttle");
    maqet_props_string(filter, "throttle-group", group);
#endif
    maqet_props_string(filter, "file", below);
    maqet_props_bool(filter, "read-only", maqet_drive_readonly(drive));
}

static int
filtered_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                   struct maqet_error **err)
{
    bool readonly = maqet_drive_readonly(drive);
    char file[256], image[256];

    (void)err;
    name_child(drive, "file", file, sizeof(file));
    if (filters(drive))
        name_child(drive, "image", image, sizeof(image));
    else
        snprintf(image, sizeof(image), "%s", maqet_drive_node(drive));
    struct maqet_props *bytes = maqet_args_blockdev(args, file);
    maqet_props_string(bytes, "driver", "file");
    maqet_props_string(bytes, "filename", maqet_drive_path(drive));
    maqet_props_bool(bytes, "read-only", readonly);
    struct maqet_props *node = maqet_args_blockdev(args, image);
    maqet_props_string(node, "driver", "qcow2");
    maqet_props_string(node, "file", file);
    maqet_props_string(node, "backing", NULL);
    maqet_props_bool(node, "read-only", readonly);
    if (filters(drive))
        emit_filter(drive, args, image);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "right",
    .summary = "qcow2 images below a filter",
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
    .resize = image_resize,
    .live_resize = filtered_live_resize,
    .emit_args = filtered_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
