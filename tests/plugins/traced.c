/* SPDX-License-Identifier: MIT */
/*
 * traced.c - a storage plugin that has every callback which the author's guide tells the
 * time of, and appends the name of each to the file MAQET_TRACE when it is called. What
 * it makes are qcow2 images; the snapshots are those of qemu-img.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "16M", .help = "its size"},
    {.name = NULL},
};

static void
trace(const char *callback)
{
    const char *path = getenv("MAQET_TRACE");
    FILE *file = path ? fopen(path, "a") : NULL;

    if (!file)
        return;
    fprintf(file, "%s\n", callback);
    fclose(file);
}

/* ---- the image ---- */

static int
traced_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    trace("validate");
    return 0;
}

static int
traced_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
             struct maqet_error **err)
{
    (void)err;
    trace("space");
    *at_once = 1 << 18;
    *at_most = *at_once + maqet_drive_size(drive, "size");
    return 0;
}

static int
traced_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    trace("create");
    return maqet_run(err, "qemu-img", "create", "-q", "-f", "qcow2", "--", path,
                     maqet_drive_string(drive, "size"), NULL);
}

static int
traced_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    (void)drive;
    (void)err;
    trace("inspect");
    maqet_image_virtual_size(image, (uint64_t)lseek(fd, 0, SEEK_END));
    return 0;
}

static int
traced_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
             struct maqet_check_report *report, struct maqet_error **err)
{
    (void)drive;
    (void)depth;
    (void)report;
    (void)err;
    trace("check");
    return 0;
}

static int
traced_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
               struct maqet_error **err)
{
    (void)drive;
    (void)holders;
    (void)err;
    trace("holders");
    return 0;
}

static struct maqet_command *
traced_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    (void)drive;
    (void)err;
    trace("helper");
    return NULL;
}

static int
traced_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    char size[24];

    trace("resize");
    snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    return maqet_run(err, "qemu-img", "resize", "-q", "-f", "qcow2", "--",
                     maqet_drive_path(drive), size, NULL);
}

static int
traced_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                   struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    (void)err;
    trace("live_resize");
    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", (int64_t)bytes);
    return 0;
}

static int
traced_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    trace("emit_args");
    maqet_props_string(node, "driver", "qcow2");
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
    return 0;
}

/* ---- snapshots ---- */

static int
traced_snapshot_create(const struct maqet_drive *drive, const char *name,
                       struct maqet_error **err)
{
    trace("snapshot.create");
    return maqet_run(err, "qemu-img", "snapshot", "-c", name, maqet_drive_path(drive),
                     NULL);
}

static int
traced_snapshot_load(const struct maqet_drive *drive,
                     const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    trace("snapshot.load");
    return maqet_run(err, "qemu-img", "snapshot", "-a", maqet_snapshot_id(snapshot),
                     maqet_drive_path(drive), NULL);
}

static int
traced_snapshot_remove(const struct maqet_drive *drive,
                       const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    trace("snapshot.remove");
    return maqet_run(err, "qemu-img", "snapshot", "-d", maqet_snapshot_name(snapshot),
                     maqet_drive_path(drive), NULL);
}

/* A line of `qemu-img snapshot -l` begins with the id and the name; those above the table
 * don't begin with a number. */
static int
traced_snapshot_list(const struct maqet_drive *drive, int fd,
                     struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");
    char id[16], name[128];

    (void)fd;
    trace("snapshot.list");
    maqet_command_arg(command, "snapshot");
    maqet_command_arg(command, "-U");
    maqet_command_arg(command, "-l");
    maqet_command_arg(command, "%s", maqet_drive_path(drive));
    char *list = maqet_command_output(command, NULL, err);
    if (!list)
        return -1;
    for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n"))
        if (sscanf(line, "%15[0-9] %127s", id, name) == 2)
            maqet_snapshots_add(snapshots, id, name);
    maqet_free(list);
    return 0;
}

static int
traced_live_create(const struct maqet_drive *drive, const char *name,
                   struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action =
        maqet_actions_add(actions, "blockdev-snapshot-internal-sync");

    (void)err;
    trace("snapshot.live_create");
    maqet_props_string(action, "device", maqet_drive_node(drive));
    maqet_props_string(action, "name", name);
    return 0;
}

static int
traced_live_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                   struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action =
        maqet_actions_add(actions, "blockdev-snapshot-delete-internal-sync");

    (void)err;
    trace("snapshot.live_remove");
    maqet_props_string(action, "device", maqet_drive_node(drive));
    maqet_props_string(action, "id", maqet_snapshot_id(snapshot));
    return 0;
}

static int
traced_can_create(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    (void)drive;
    (void)fd;
    (void)err;
    trace("snapshot.can_create");
    return 0;
}

static const struct maqet_snapshot_table snapshot_table = {
    .size = sizeof(snapshot_table),
    .create = traced_snapshot_create,
    .load = traced_snapshot_load,
    .remove = traced_snapshot_remove,
    .list = traced_snapshot_list,
    .live_create = traced_live_create,
    .live_remove = traced_live_remove,
    .can_create = traced_can_create,
};

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "traced",
    .summary = "tells when it is called",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .creation = MAQET_CREATION_ONCE,
    .validate = traced_validate,
    .space = traced_space,
    .create = traced_create,
    .inspect = traced_inspect,
    .holders = traced_holders,
    .helper = traced_helper,
    .resize = traced_resize,
    .live_resize = traced_live_resize,
    .emit_args = traced_emit_args,
    .check = traced_check,
    .snapshot = &snapshot_table,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
