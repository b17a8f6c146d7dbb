/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_table.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/plugin/call.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/keyval.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/image.h"
#include "core/storage/overlay_damage.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_image.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_possible.h"
#include "core/storage/overlay_room.h"
#include "core/storage/overlay_view.h"
#include "core/storage/record.h"
#include "core/storage/snapshots.h"

/* ---- the snapshot table ---- */

static struct maqet_overlay *
node_of(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot)
{
    uint64_t id = strtoull(snapshot->id, NULL, 10);

    for (size_t i = 0; i < drive->overlays->count; i++) {
        struct maqet_overlay *node = &drive->overlays->nodes[i];

        if (node->name && node->snapshot_id == id)
            return node;
    }
    return NULL;
}

static int
error_gone(const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_MISSING, "there is no snapshot '%s'",
                           snapshot->name);
}

static int
create(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    uint64_t before = drive->overlays->top, id;

    if (maqet_overlay_check_below(drive, before, err) < 0 ||
        maqet_overlay_nodes_put(drive, before, &id, err) < 0)
        return -1;
    if (maqet_overlay_nodes_name(drive, before, name, 0, err) < 0) {
        maqet_overlay_nodes_undo(drive, id);
        return -1;
    }
    drive->overlays->top = id;
    /* It is frozen when another one is there to be written to, or a kill in between would leave
     * the guest with one that it may not write to. */
    return maqet_overlay_nodes_save(drive, err) < 0
               ? -1
               : maqet_overlay_nodes_refreeze(drive, err);
}

static int
load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
     struct maqet_error **err)
{
    const struct maqet_overlay *node = node_of(drive, snapshot);
    uint64_t id;

    if (!node)
        return error_gone(snapshot, err);
    if (maqet_overlay_check_below(drive, node->id, err) < 0 ||
        maqet_overlay_nodes_put(drive, node->id, &id, err) < 0)
        return -1;
    drive->overlays->top = id;
    return maqet_overlay_nodes_save(drive, err) < 0
               ? -1
               : maqet_overlay_nodes_prune(drive, err);
}

/* Merges all nodes that nobody needs by themselves, and for which there is space; @says what there is none
 * for. */
static int
tidy(const struct maqet_drive *drive, bool says, struct maqet_error **err)
{
    const struct maqet_overlay *below, *above;
    size_t from = 0;

    if ((drive->overlays->prepared > 0 && maqet_overlay_nodes_adopt(drive, err) < 0) ||
        maqet_overlay_nodes_prune(drive, err) < 0)
        return -1;
    while ((below = maqet_overlay_nodes_superfluous(drive->overlays, from, &above))) {
        from = (size_t)(below - drive->overlays->nodes) + 1;
        if (maqet_overlay_room_is_awaited(drive, below, above, says))
            continue;
        if (maqet_overlay_nodes_merge(drive, below, above, err) < 0)
            return -1;
        from = 0;
    }
    if (drive->overlays->count == 1)
        rmdir(drive->overlays->folder);
    return 0;
}

static int
remove_snapshot(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    struct maqet_overlay *node = node_of(drive, snapshot);

    if (!node)
        return error_gone(snapshot, err);
    if (maqet_overlay_room_check_removal(drive, node, err) < 0)
        return -1;
    char *name = TAKE_PTR(node->name);
    if (maqet_overlay_nodes_save(drive, err) < 0) {
        node->name = name;
        return -1;
    }
    free(name);
    return tidy(drive, true, err);
}

/* Where nothing stands on a snapshot, deleting it frees its file, and where several do, nothing.
 * Else it frees what both it and the one above hold, which is not known. */
static void
report_used(const struct maqet_drive *drive, const struct maqet_overlay *node,
            struct maqet_snapshot *snapshot)
{
    size_t children = maqet_overlays_children(drive->overlays, node->id, NULL);
    uint64_t bytes;

    snapshot->used_known =
        children > 1 ||
        (children == 0 && maqet_overlay_nodes_used(drive, node->id, &bytes, NULL) == 0);
    snapshot->used = snapshot->used_known && children == 0 ? bytes : 0;
}

static int
compare_ids(const void *a, const void *b)
{
    const struct maqet_overlay *const *one = a, *const *other = b;

    return ((*one)->snapshot_id > (*other)->snapshot_id) -
           ((*one)->snapshot_id < (*other)->snapshot_id);
}

static int
list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ const struct maqet_overlay **nodes =
        maqet_alloc((overlays->count + 1) * sizeof(const struct maqet_overlay *));
    size_t count = 0;

    (void)fd;
    if (maqet_overlays_check_not_mixed(drive, err) < 0)
        return -1;
    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].name)
            nodes[count++] = &overlays->nodes[i];
    qsort(nodes, count, sizeof(*nodes), compare_ids);
    for (size_t i = 0; i < count; i++) {
        struct maqet_snapshot *snapshot = maqet_snapshots_append(
            snapshots, maqet_format("%" PRIu64, nodes[i]->snapshot_id),
            maqet_strdup(nodes[i]->name));

        snapshot->seconds = nodes[i]->seconds;
        snapshot->nanoseconds = nodes[i]->nanoseconds;
        snapshot->vm_clock = nodes[i]->vm_clock;
        snapshot->virtual_size = nodes[i]->size;
        report_used(drive, nodes[i], snapshot);
    }
    return 0;
}

static int
can_create(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    _cleanup_free_ char *name = NULL, *format = NULL;

    (void)fd;
    return maqet_overlays_check_encryption(drive, err) < 0 ||
                   (maqet_overlay_is_elsewhere(drive) &&
                    maqet_overlay_elsewhere_name(drive, &name, &format, err) < 0)
               ? -1
               : maqet_overlays_check_not_mixed(drive, err);
}

static int
repair(const struct maqet_drive *drive, struct maqet_error **err)
{
    return tidy(drive, false, err);
}

/* For others to read, who must not get what a snapshot has never held. */
static int
add_image(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
          struct maqet_command *command, struct maqet_error **err)
{
    const struct maqet_overlay *node = node_of(drive, snapshot);

    if (!node)
        return error_gone(snapshot, err);
    return maqet_overlay_check_below(drive, node->id, err) < 0
               ? -1
               : maqet_overlays_add_image(drive, node->id, command, err);
}

static int
write_out(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
          const char *path, const char *format, bool compress, struct maqet_error **err)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));
    const char *const words[] = {"qemu-img", "convert", "-p",
                                 "-O",       format,    compress ? "-c" : NULL};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i])
            maqet_strings_add(&command->argv, words[i]);
    command->progress = true;
    if (add_image(drive, snapshot, command, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_strings_add(&command->argv, path);
    return maqet_command_finish(command, NULL, NULL, err);
}

static struct maqet_command *
serve(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
      const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));

    maqet_strings_add(&command->argv, "qemu-nbd");
    maqet_strings_add(&command->argv, "--read-only");
    maqet_strings_add(&command->argv, "--persistent");
    maqet_strings_addf(&command->argv, "--socket=%s", socket);
    if (add_image(drive, snapshot, command, err) == 0)
        return command;
    maqet_command_free(command);
    return NULL;
}

/* The overlay was prepared, and QEMU has it open. */
static int
live_create(const struct maqet_drive *drive, const char *name,
            struct maqet_actions *actions, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ char *overlay =
        maqet_overlay_node_name(drive->name, overlays->prepared);

    (void)name;
    if (overlays->prepared == 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "no overlay is prepared");
    struct maqet_props *action = maqet_actions_add(actions, "blockdev-snapshot");
    maqet_props_string(action, "node", maqet_drive_node(drive));
    maqet_props_string(action, "overlay", overlay);
    return 0;
}

static const struct maqet_snapshot_table table = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = create,
    .load = load,
    .remove = remove_snapshot,
    .list = list,
    .live_create = live_create,
    .repair = repair,
    .write_out = write_out,
    .serve = serve,
    .can_create = can_create,
};

/* ---- the other callbacks, which are about the topmost node ---- */

static int
inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
        struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    uint64_t size;

    if (maqet_view_make(drive, 0, &view, err) < 0 ||
        MAQET_STORAGE_CALL(err, view.drive, MAQET_CALL_SERVICE, inspect, fd, image) < 0)
        return -1;
    if (drive->overlays->count == 1)
        return 0;
    if (maqet_overlay_nodes_size(drive, drive->overlays->top, &size, err) < 0)
        return -1;
    image->virtual_size = size;
    return 0;
}

static int
resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    return maqet_view_make_top(drive, &view, err) < 0
               ? -1
               : maqet_storage_resize(view.drive, bytes, err);
}

static int
live_resize(const struct maqet_drive *drive, uint64_t bytes,
            struct maqet_actions *actions, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    return maqet_view_make_top(drive, &view, err) < 0
               ? -1
               : maqet_storage_live_resize(view.drive, bytes, actions, err);
}

/* ---- the storage ---- */

/* A storage with overlays; there are as many as types of drives. */
struct with_overlays {
    struct maqet_storage storage;
    const struct maqet_storage *image_storage;
    struct with_overlays *next;
};

static const struct maqet_storage *
with_overlays(const struct maqet_storage *storage)
{
    static struct with_overlays *all;

    for (struct with_overlays *one = all; one; one = one->next)
        if (one->image_storage == storage)
            return &one->storage;
    struct with_overlays *one = maqet_alloc(sizeof(*one));
    struct maqet_storage_plugin *plugin = &one->storage.plugin;
    one->storage = *storage;
    one->image_storage = storage;
    one->storage.snapshot = table;
    plugin->flags |= MAQET_STORAGE_LIVE_READ;
    plugin->snapshot = &table;
    if (plugin->inspect)
        plugin->inspect = inspect;
    plugin->resize = resize;
    plugin->live_resize = live_resize;
    plugin->check = maqet_overlay_damage_check;
    one->next = all;
    all = one;
    return &one->storage;
}

/* The type of new overlays: the drive's own if it serves as one, else the default. */
static void
choose_type(struct maqet_drive *drive, struct maqet_overlays *overlays)
{
    if (!overlays->type)
        overlays->type =
            maqet_strdup(drive->storage->overlay.create ? drive->storage->plugin.name
                                                        : MAQET_DEFAULT_STORAGE);
}

static bool
wants_overlays(const struct maqet_drive *drive)
{
    const struct maqet_value *value =
        maqet_drive_value(drive, MAQET_OF_CORE, "snapshots");

    return value && value->text && strcmp(value->text, "overlay") == 0;
}

static struct maqet_overlays *
read_overlays(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (drive->path)
        return maqet_overlays_read(drive->path, err);
    _cleanup_free_ char *place = maqet_drive_place(drive);
    _cleanup_free_ char *folder =
        maqet_overlays_folder_elsewhere(drive->machine->drives_dir, drive->name);
    return maqet_overlays_read_elsewhere(folder, place, err);
}

static int
take_overlays(struct maqet_drive *drive, struct maqet_error **err)
{
    bool wanted = wants_overlays(drive);

    if (wanted && maqet_overlays_check_possible(drive, err) < 0)
        return -1;
    _cleanup_overlays_ struct maqet_overlays *overlays = read_overlays(drive, err);
    if (!overlays)
        return -1;
    if (overlays->count == 1 && !wanted)
        return 0;
    if (overlays->count == 1 && maqet_overlays_check_folder(drive, err) < 0)
        return -1;
    choose_type(drive, overlays);
    drive->image_storage = drive->storage;
    drive->storage = with_overlays(drive->storage);
    maqet_drive_set_overlays(drive, TAKE_PTR(overlays));
    if (wanted)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                      "%s has overlay snapshots, which the configuration does not say",
                      drive->path ? drive->path : "it");
    maqet_error_hint(err, "Add `snapshots: overlay`");
    return drive->path && drive->image_storage->snapshot.size > 0
               ? maqet_error_next(err, MAQET_NEXT_CONVERT_SNAPSHOTS,
                                  drive->machine->vm_name, drive->name, "internal", NULL)
               : -1;
}

/* Whether it is a disk that is no file of this host, of a machine that has a folder. */
static bool
is_elsewhere(const struct maqet_drive *drive)
{
    return !drive->storage->plugin.path_option && drive->storage->plugin.interface &&
           drive->machine->drives_dir;
}

void
maqet_drive_take_overlays(struct maqet_drive *drive)
{
    struct maqet_error *error = NULL;

    if (!(drive->path || is_elsewhere(drive)) || maqet_drive_is_unknown(drive) ||
        (drive->storage->plugin.creation == MAQET_CREATION_EACH_START &&
         !wants_overlays(drive)))
        return;
    if (take_overlays(drive, &error) == 0)
        return;
    maqet_error_add(&drive->fault, &error);
    if (drive->fault_of < MAQET_FAULT_STORAGE)
        drive->fault_of = MAQET_FAULT_STORAGE;
}
