/* SPDX-License-Identifier: MIT */
/*
 * to_overlays.c - why an interruption loses nothing: the image is reverted only when the overlays
 * with all that it holds besides its first snapshot are on the disk. The first snapshot is deleted
 * last, so that the image can be reverted again until then; the folder gets its name
 * afterwards, so as long as it does not have it, there is something to do.
 */
#include "core/snapshot/to_overlays.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/machine/run.h"
#include "core/storage/callback.h"
#include "core/storage/conversion.h"
#include "core/storage/overlay_filling.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_table.h"
#include "core/storage/overlays.h"
#include "core/storage/served.h"

/* ---- whether it is possible ---- */

static int
check_snapshot(const struct maqet_drive *drive, const struct maqet_snapshots *snapshots,
               const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    bool more;

    maqet_snapshots_find(snapshots, snapshot->name, &more);
    if (more)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                                 "it has several snapshots with the name '%s', which "
                                 "overlays cannot have",
                                 snapshot->name);
    if (snapshot->vm_state == 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "its snapshot '%s' has the memory of a guest in it, which overlays "
                      "cannot have",
                      snapshot->name);
    maqet_error_hint(err, "Leave the snapshots inside of the image as long as you need "
                          "that memory");
    return -1;
}

int
maqet_to_overlays_check(const struct maqet_model_change *change,
                        const struct maqet_drive *drive,
                        const struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_overlays_folder(change->image);

    if (!drive->storage->snapshot.serve)
        return maqet_drive_error_unsupported(
            drive, "cannot offer a snapshot without loading it", err);
    for (size_t i = 0; i < snapshots->count; i++)
        if (check_snapshot(drive, snapshots, snapshots->items[i], err) < 0)
            return -1;
    /* Files of a tree that there was once are of no use. */
    if (maqet_overlays_remove(change->image, err) < 0)
        return -1;
    return maqet_file_missing(folder)
               ? 0
               : maqet_drive_error(
                     drive, NULL, err, MAQET_ERROR_EXISTS,
                     "the folder %s, in which its overlays would be, exists "
                     "already, and has other files in it",
                     folder);
}

/* ---- building ---- */

struct building {
    struct maqet_model_change *change;
    const struct maqet_drive *drive;  /* with snapshots inside of its image */
    const struct maqet_drive *target; /* with overlays */
    const struct maqet_snapshots *snapshots;
    ssize_t *parents; /* of each snapshot */
    ssize_t now;      /* the parent of the present state */
    uint64_t *nodes;  /* of each snapshot */
    bool *done;
    size_t root; /* what the image itself will show */
};

static void
building_clear(struct building *building)
{
    free(building->parents);
    free(building->nodes);
    free(building->done);
}

/* The id that a snapshot keeps; 0: it cannot be that of an overlay. */
static uint64_t
id_of(const struct maqet_snapshot *snapshot)
{
    uint64_t id = strtoull(snapshot->id, NULL, 10);
    _cleanup_free_ char *text = maqet_format("%" PRIu64, id);

    return id <= INT64_MAX && strcmp(text, snapshot->id) == 0 ? id : 0;
}

/* Gives each snapshot an id, and each node a later one. */
static void
choose_ids(struct building *building, uint64_t *ids)
{
    struct maqet_overlays *overlays = building->target->overlays;
    const struct maqet_snapshots *snapshots = building->snapshots;

    for (size_t i = 0; i < snapshots->count; i++) {
        ids[i] = id_of(snapshots->items[i]);
        if (ids[i] >= overlays->next)
            overlays->next = ids[i] + 1;
    }
    for (size_t i = 0; i < snapshots->count; i++)
        if (ids[i] == 0)
            ids[i] = overlays->next++;
}

static void
name_node(struct building *building, size_t index, uint64_t id)
{
    const struct maqet_snapshot *snapshot = building->snapshots->items[index];
    struct maqet_overlay *node =
        maqet_overlays_node(building->target->overlays, building->nodes[index]);
    _cleanup_free_ char *text = maqet_format("%" PRIu64, id);
    struct maqet_snapshot after = *snapshot;

    node->name = maqet_strdup(snapshot->name);
    node->snapshot_id = id;
    node->seconds = snapshot->seconds;
    node->nanoseconds = snapshot->nanoseconds;
    node->vm_clock = snapshot->vm_clock;
    after.id = text;
    maqet_model_add(building->change, snapshot, &after);
}

/* Adds the node of a snapshot (NULL: of the present state) over that of another one. */
static int
add_node(struct building *building, const struct maqet_snapshot *snapshot, size_t parent,
         uint64_t *id, struct maqet_error **err)
{
    const char *folder = building->change->machine->run.folder;
    const struct maqet_copy_source source = {.of = snapshot ? MAQET_COPY_SNAPSHOT
                                                            : MAQET_COPY_DRIVE,
                                             .drive = building->drive,
                                             .snapshot = snapshot};
    _cleanup_free_ char *lower = maqet_run_server_socket(folder, 0);
    _cleanup_free_ char *upper = maqet_run_server_socket(folder, 1);
    _cleanup_served_ struct maqet_served below = {0}, shown = {0};
    uint64_t size;

    if (maqet_copy_size(&source, &size, err) < 0 ||
        maqet_served_begin(&below, building->drive, building->snapshots->items[parent],
                           lower, err) < 0 ||
        maqet_served_begin(&shown, building->drive, snapshot, upper, err) < 0)
        return -1;
    return maqet_overlay_fill_difference(building->target, building->nodes[parent], size,
                                         shown.image, below.image, id, err);
}

/* Whether the node that a snapshot is to stand on is there; *parent gets its snapshot. */
static bool
is_due(const struct building *building, size_t index, size_t *parent)
{
    *parent =
        building->parents[index] < 0 ? building->root : (size_t)building->parents[index];
    return !building->done[index] && building->done[*parent];
}

static int
add_snapshots(struct building *building, struct maqet_error **err)
{
    const struct maqet_snapshots *snapshots = building->snapshots;
    size_t parent, left = snapshots->count - 1;

    while (left > 0)
        for (size_t i = 0; i < snapshots->count; i++) {
            if (!is_due(building, i, &parent))
                continue;
            if (add_node(building, snapshots->items[i], parent, &building->nodes[i],
                         err) < 0 ||
                maqet_overlay_freeze(
                    maqet_overlays_node(building->target->overlays, building->nodes[i]),
                    err) < 0)
                return -1;
            building->done[i] = true;
            left--;
        }
    return 0;
}

static int
build(struct building *building, struct maqet_error **err)
{
    struct maqet_overlays *overlays = building->target->overlays;
    const struct maqet_snapshots *snapshots = building->snapshots;
    const struct maqet_snapshot *root = snapshots->items[building->root];
    _cleanup_free_ uint64_t *ids = maqet_alloc(snapshots->count * sizeof(*ids));
    size_t parent = building->now < 0 ? building->root : (size_t)building->now;

    free(overlays->folder);
    overlays->folder = maqet_overlays_folder(building->change->staged);
    building->change->root = maqet_history_key(root);
    building->done[building->root] = true;
    choose_ids(building, ids);
    overlays->nodes[0].size = root->virtual_size;
    if (add_snapshots(building, err) < 0 ||
        add_node(building, NULL, parent, &overlays->top, err) < 0)
        return -1;
    for (size_t i = 0; i < snapshots->count; i++)
        name_node(building, i, ids[i]);
    return maqet_overlays_write(overlays, err);
}

int
maqet_to_overlays_build(struct maqet_model_change *change,
                        const struct maqet_drive *drive,
                        const struct maqet_snapshots *snapshots,
                        const struct maqet_history *history, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging target = {0};
    _cleanup_(building_clear) struct building building = {
        .change = change,
        .drive = drive,
        .snapshots = snapshots,
        .parents = maqet_alloc(snapshots->count * sizeof(*building.parents)),
        .nodes = maqet_alloc(snapshots->count * sizeof(*building.nodes)),
        .done = maqet_alloc(snapshots->count * sizeof(*building.done))};

    if (maqet_model_open(change, true, change->image, &target, err) < 0)
        return -1;
    building.target = target.drive;
    maqet_history_parents(history, drive->name, snapshots, building.parents,
                          &building.now);
    while (building.parents[building.root] >= 0)
        building.root++;
    return build(&building, err);
}

/* ---- the end ---- */

static bool
is_converted(const struct maqet_model_change *change,
             const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    for (size_t i = 0; i < change->key_count; i++)
        if (strcmp(change->keys[i].before, key) == 0)
            return true;
    return false;
}

static const struct maqet_snapshot *
find_root(const struct maqet_model_change *change,
          const struct maqet_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        _cleanup_free_ char *key = maqet_history_key(snapshots->items[i]);

        if (change->root && strcmp(key, change->root) == 0)
            return snapshots->items[i];
    }
    return NULL;
}

/* The image shows its first snapshot, and has none any more. */
static int
revert(const struct maqet_model_change *change, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging plugging = {0};
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (maqet_model_open(change, false, change->image, &plugging, err) < 0)
        return -1;
    const struct maqet_drive *drive = plugging.drive;
    /* An interrupted program may have leaked clusters, which only take up space. */
    maqet_drive_snapshot_repair(drive, NULL);
    if (maqet_drive_snapshots_read(drive, &snapshots, err) < 0)
        return -1;
    const struct maqet_snapshot *root = find_root(change, &snapshots);
    /* Without it, the image has been reverted. */
    if (root && maqet_drive_snapshot_load(drive, root, err) < 0)
        return -1;
    for (size_t i = 0; i < snapshots.count; i++)
        if (snapshots.items[i] != root && is_converted(change, snapshots.items[i]) &&
            maqet_drive_snapshot_remove(drive, snapshots.items[i], NULL, err) < 0)
            return -1;
    return root ? maqet_drive_snapshot_remove(drive, root, NULL, err) : 0;
}

static int
sync_folder(const char *image, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(image);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", folder)
                  : maqet_dir_sync(fd, folder, err);
}

/* Gives the folder of the overlays its name. */
static int
publish(const struct maqet_model_change *change, const char *staged,
        struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_overlays_folder(change->image);

    return rename(staged, folder) < 0
               ? maqet_error_errno(err, errno, "Cannot rename %s to %s", staged, folder)
               : sync_folder(change->image, err);
}

int
maqet_to_overlays_finish(const struct maqet_model_change *change,
                         struct maqet_error **err)
{
    _cleanup_free_ char *staged = maqet_overlays_folder(change->staged);

    if (!maqet_file_missing(staged) &&
        (revert(change, err) < 0 || publish(change, staged, err) < 0))
        return -1;
    _cleanup_overlays_ struct maqet_overlays *overlays =
        maqet_overlays_read(change->image, err);
    if (!overlays)
        return -1;
    if (overlays->count < 2)
        return maqet_error_set(err, MAQET_ERROR_MISSING,
                               "The overlays of %s are not there", change->image);
    if (overlays->nodes[0].file.checksum)
        return 0;
    return maqet_overlay_freeze(&overlays->nodes[0], err) < 0
               ? -1
               : maqet_overlays_write(overlays, err);
}
