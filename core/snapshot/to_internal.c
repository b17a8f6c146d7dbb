/* SPDX-License-Identifier: MIT */
/*
 * to_internal.c - why an interruption loses nothing: the image and its overlays are only read
 * until the new image is complete. It replaces the old one by one rename, and the overlays are
 * removed afterwards; until they are, the new image is known by its identity.
 */
#include "core/snapshot/to_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file_copy.h"
#include "core/machine/images.h"
#include "core/machine/owner.h"
#include "core/plugin/call.h"
#include "core/storage/image.h"
#include "core/storage/overlay_filling.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_view.h"
#include "core/storage/overlays.h"

/* ---- whether it is possible ---- */

int
maqet_to_internal_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_view_ struct maqet_view view = {0};

    for (size_t i = 0; i < overlays->count; i++)
        if (maqet_overlays_check(overlays, overlays->nodes[i].id, err) < 0)
            return maqet_error_wrap(err, "VM '%s', drive '%s'", drive->machine->vm_name,
                                    drive->name);
    return maqet_view_make(drive, 0, &view, err) < 0
               ? -1
               : maqet_drive_snapshot_can_create(view.drive, err);
}

/* ---- the new image ---- */

static void
show_copying(void *data, uint64_t done, uint64_t total)
{
    const struct maqet_drive *drive = data;
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': copying the image",
                                             drive->machine->vm_name, drive->name);

    maqet_context_progress(drive->context, what, done, total,
                           maqet_call_current()->begun);
}

static int
sync_folder(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", folder)
                  : maqet_dir_sync(fd, folder, err);
}

/* Creates it with the owner and the permissions of the present one, as that was written to. */
static int
create(const struct maqet_drive *drive, const char *path, struct maqet_file_id *id,
       struct maqet_error **err)
{
    const struct maqet_overlay *lowest = &drive->overlays->nodes[0];
    _cleanup_close_ int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat status, own;

    if (fd < 0 || stat(lowest->file.file, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    uint32_t mode = lowest->mode ? lowest->mode : (status.st_mode & 0777) | 0600;
    if (!maqet_file_id_of_fd(fd, id) || fstat(fd, &own) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    if ((status.st_uid != own.st_uid || status.st_gid != own.st_gid) &&
        fchown(fd, status.st_uid, status.st_gid) < 0)
        return maqet_error_errno(err, errno, "Cannot give %s the owner of %s", path,
                                 lowest->file.file);
    return fchmod(fd, mode) < 0 ? maqet_error_errno(err, errno, "Cannot create %s", path)
                                : sync_folder(path, err);
}

static int
copy(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    const char *source = drive->overlays->image;
    MAQET_CALL(MAQET_CALL_LONG);
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_close_ int to = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool shared;

    if (from < 0 || to < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", from < 0 ? source : path);
    int result =
        maqet_file_copy(from, to, path, show_copying, (void *)drive, &shared, err);
    maqet_context_progress_end(drive->context);
    return result;
}

/* ---- its snapshots ---- */

/* What the new image shows, and which snapshots it has. */
struct filling {
    struct maqet_model_change *change;
    const struct maqet_overlays *from;
    struct maqet_drive *image; /* the new one, with snapshots inside */
    const struct maqet_drive
        *lowest; /* the same under an overlay that is merged into it */
    uint64_t at; /* the node that it shows */
};

/* The name that the snapshot of a node has meanwhile: its own, or one that is only of use until the
 * image is complete. The caller frees; NULL: it has none, as the image shows it once. */
static char *
name_of(const struct filling *filling, const struct maqet_overlay *node)
{
    if (node->name)
        return maqet_strdup(node->name);
    if (maqet_overlays_children(filling->from, node->id, NULL) < 2)
        return NULL;
    char *name = maqet_format("maqet-node-%" PRIu64, node->id);
    while (maqet_overlays_find(filling->from, name)) {
        char *longer = maqet_format("%s-", name);

        free(name);
        name = longer;
    }
    return name;
}

/* *snapshot: that of a node, in the list that is read; NULL: there is none. */
static int
find(const struct filling *filling, const struct maqet_overlay *node,
     struct maqet_snapshots *snapshots, const struct maqet_snapshot **snapshot,
     struct maqet_error **err)
{
    _cleanup_free_ char *name = name_of(filling, node);

    if (maqet_drive_snapshots_read(filling->image, snapshots, err) < 0)
        return -1;
    *snapshot = name ? maqet_snapshots_find(snapshots, name, NULL) : NULL;
    return 0;
}

/* Creates the snapshot of the node that the image shows, unless there is one. */
static int
create_snapshot(struct filling *filling, const struct maqet_overlay *node,
                struct maqet_error **err)
{
    _cleanup_free_ char *name = name_of(filling, node);
    _cleanup_free_ char *id = maqet_format("%" PRIu64, node->snapshot_id);
    const struct maqet_snapshot snapshot = {.id = id,
                                            .name = node->name,
                                            .seconds = node->seconds,
                                            .nanoseconds = node->nanoseconds,
                                            .vm_clock = node->vm_clock};
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    const struct maqet_snapshot *present;

    filling->at = node->id;
    if (!name)
        return 0;
    if (find(filling, node, &snapshots, &present, err) < 0)
        return -1;
    if (present)
        return 0;
    filling->image->copied_snapshot = node->name ? &snapshot : NULL;
    int result =
        maqet_drive_snapshot_create(filling->image, name, node->name ? NULL : name, err);
    filling->image->copied_snapshot = NULL;
    return result;
}

/* The image shows what a node shows from now on; the node that this one stands on is
 * shown by it, or is a snapshot. */
static int
merge(struct filling *filling, const struct maqet_overlay *node, struct maqet_error **err)
{
    struct maqet_image_state state;
    uint64_t id;

    if (maqet_overlay_fill_copy(filling->lowest, 0, node, &id, err) < 0 ||
        maqet_overlay_nodes_pour(filling->lowest, id, err) < 0 ||
        maqet_drive_inspect(filling->image, &state, err) < 0)
        return -1;
    return state.virtual_size == node->size || node->id == filling->from->top
               ? 0
               : maqet_drive_error(filling->image, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "%s is smaller than what it stands on, which a "
                                   "snapshot inside of an image cannot be",
                                   node->file.file);
}

/* The lowest node on the way to @node that the image is to get next, as it shows what that one stands
 * on from now on: that is a snapshot of it, or what it shows already. Every node at which ways part
 * is a snapshot of it. NULL: an error. */
static const struct maqet_overlay *
find_next(struct filling *filling, const struct maqet_overlay *node,
          struct maqet_error **err)
{
    while (node->id > 0 && filling->at != node->parent) {
        const struct maqet_overlay *below =
            maqet_overlays_node(filling->from, node->parent);
        _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
        const struct maqet_snapshot *snapshot;

        if (find(filling, below, &snapshots, &snapshot, err) < 0)
            return NULL;
        if (snapshot)
            return maqet_drive_snapshot_load(filling->image, snapshot, err) < 0 ? NULL
                                                                                : node;
        node = below;
    }
    if (node->id > 0)
        return node;
    maqet_error_set(err, MAQET_ERROR_FAILED, "%s is not in the new image any more",
                    node->file.file);
    return NULL;
}

/* Brings a node into the image, and those that it stands on, unless they are in it. */
static int
bring(struct filling *filling, uint64_t id, struct maqet_error **err)
{
    while (filling->at != id) {
        const struct maqet_overlay *node =
            find_next(filling, maqet_overlays_node(filling->from, id), err);

        if (!node || merge(filling, node, err) < 0 ||
            create_snapshot(filling, node, err) < 0)
            return -1;
    }
    return 0;
}

/* Brings all snapshots into it, the oldest ones first, and then the present state. */
static int
bring_all(struct filling *filling, const struct maqet_snapshots *snapshots,
          struct maqet_error **err)
{
    if (create_snapshot(filling, &filling->from->nodes[0], err) < 0)
        return -1;
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct maqet_overlay *node =
            maqet_overlays_find(filling->from, snapshots->items[i]->name);
        _cleanup_snapshots_ struct maqet_snapshots there = {0};
        const struct maqet_snapshot *present;

        if (find(filling, node, &there, &present, err) < 0 ||
            (!present && bring(filling, node->id, err) < 0))
            return -1;
    }
    return bring(filling, filling->from->top, err);
}

/* Notes the ids that the snapshots have got, and deletes those that were only of use meanwhile. */
static int
settle(struct filling *filling, const struct maqet_snapshots *before,
       struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots now = {0};

    if (maqet_drive_snapshots_read(filling->image, &now, err) < 0)
        return -1;
    for (size_t i = 0; i < before->count; i++) {
        const struct maqet_snapshot *after =
            maqet_snapshots_find(&now, before->items[i]->name, NULL);

        if (!after)
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The snapshot '%s', which was just created, does not "
                                   "exist",
                                   before->items[i]->name);
        maqet_model_add(filling->change, before->items[i], after);
    }
    for (size_t i = 0; i < now.count; i++)
        if (!maqet_snapshots_find(before, now.items[i]->name, NULL) &&
            maqet_drive_snapshot_remove(filling->image, now.items[i], now.items[i]->name,
                                        err) < 0)
            return -1;
    return 0;
}

static int
sync_file(const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0
               ? 0
               : maqet_error_errno(err, errno, "Cannot write %s", path);
}

int
maqet_to_internal_build(struct maqet_model_change *change, struct maqet_job *job,
                        const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging image = {0}, lowest = {0};
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    struct filling filling = {.change = change, .from = drive->overlays};

    if (maqet_drive_snapshots_read(drive, &snapshots, err) < 0 ||
        create(drive, change->staged, &change->new, err) < 0 ||
        maqet_model_note(change, job, MAQET_MODEL_BUILD, err) < 0 ||
        copy(drive, change->staged, err) < 0 ||
        maqet_model_open(change, false, change->staged, &image, err) < 0 ||
        maqet_model_open(change, true, change->staged, &lowest, err) < 0)
        return -1;
    filling.image = image.drive;
    filling.lowest = lowest.drive;
    if (bring_all(&filling, &snapshots, err) < 0 || settle(&filling, &snapshots, err) < 0)
        return -1;
    /* The folder of the overlays that were merged. */
    return maqet_overlays_remove(change->staged, err) < 0
               ? -1
               : sync_file(change->staged, err);
}

/* ---- the end ---- */

/* Records that the drive's image is another file now. */
static int
record(const struct maqet_model_change *change, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging plugging = {0};

    if (maqet_model_open(change, false, change->image, &plugging, err) < 0)
        return -1;
    struct maqet_vm *vm = plugging.vm;
    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    struct maqet_image_record *known = maqet_images_find(&vm->images, change->image);
    if (!known)
        return 0;
    if (known->created)
        maqet_owner_mark(vm->context, vm->definition, change->image);
    known->id = change->new;
    vm->images_changed = true;
    maqet_images_attach(vm);
    return maqet_images_confirm(vm, err);
}

static int
publish(const struct maqet_model_change *change, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(change->image);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct maqet_file_id id;

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", folder);
    if (!maqet_file_id_of_path(change->staged, &id)) {
        /* It has its name already; else the overlays are all that is left. */
        if (errno == ENOENT && maqet_file_id_of_path(change->image, &id) &&
            maqet_file_id_is_same_file(&id, &change->new))
            return 0;
        return maqet_error_set(err, MAQET_ERROR_MISSING,
                               "The new image %s is not there, so the overlays are not "
                               "removed",
                               change->staged);
    }
    if (!maqet_file_id_same(&id, &change->new, false))
        return maqet_error_set(err, MAQET_ERROR_STATE, "%s was replaced by another file",
                               change->staged);
    return rename(change->staged, change->image) < 0
               ? maqet_error_errno(err, errno, "Cannot rename %s to %s", change->staged,
                                   change->image)
               : maqet_dir_sync(fd, folder, err);
}

int
maqet_to_internal_finish(const struct maqet_model_change *change,
                         struct maqet_error **err)
{
    return publish(change, err) < 0 || maqet_overlays_remove(change->image, err) < 0
               ? -1
               : record(change, err);
}
