/* SPDX-License-Identifier: MIT */
/*
 * overlay_nodes.c - why an interruption does no harm: a new node is on the disk before the tree
 * names it, and a node that is dropped is removed after the tree has forgotten it.
 */
#include "core/storage/overlay_nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_files.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_view.h"

int
maqet_overlay_nodes_save(const struct maqet_drive *drive, struct maqet_error **err)
{
    drive->overlays->unsaved = true;
    if (maqet_overlays_write(drive->overlays, err) < 0)
        return -1;
    drive->overlays->unsaved = false;
    /* A drive is constant to its plugins; here it is the core's own. */
    maqet_drive_set_overlays((struct maqet_drive *)drive, drive->overlays);
    return 0;
}

/* ---- new nodes ---- */

int
maqet_overlay_nodes_create_like(const struct maqet_drive *drive, uint64_t id,
                                const char *path, uint64_t size, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    return maqet_view_make_written(drive, id, &view, err) < 0
               ? -1
               : MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, create, path, size);
}

static int
create_empty(const struct maqet_drive *drive, uint64_t id, void *data,
             struct maqet_error **err)
{
    const struct maqet_overlay *node = maqet_overlays_node(drive->overlays, id);

    (void)data;
    return maqet_overlay_nodes_create_like(drive, id, node->file.file, node->size, err);
}

static int
create_file(const struct maqet_drive *drive, const struct maqet_overlay *node,
            maqet_overlay_nodes_make *make, void *data, struct maqet_error **err)
{
    const char *path = node->file.file;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    if (maqet_dir_make(drive->overlays->folder, 0700, err) < 0)
        return -1;
    _cleanup_close_ int dir_fd = maqet_dir_open_own(drive->overlays->folder, 0, err);
    if (dir_fd < 0)
        return -1;
    _cleanup_close_ int fd = open(path, flags, 0600);
    if (fd < 0 || fchmod(fd, drive->mode) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot create %s: %m", path);
    if (make(drive, node->id, data, err) < 0)
        return -1;
    if (fsync(fd) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot write %s: %m", path);
    return maqet_dir_sync(dir_fd, drive->overlays->folder, err);
}

int
maqet_overlay_nodes_fill(const struct maqet_drive *drive, uint64_t parent, uint64_t size,
                         maqet_overlay_nodes_make *make, void *data, uint64_t *id,
                         struct maqet_error **err)
{
    struct maqet_overlay *node = maqet_overlays_add(drive->overlays, parent, size);
    node->mode = drive->mode;
    *id = node->id;
    if (create_file(drive, node, make, data, err) == 0)
        return 0;
    maqet_overlay_nodes_undo(drive, *id);
    return maqet_error_wrap(err, "VM '%s', drive '%s'", drive->machine->vm_name,
                            drive->name);
}

int
maqet_overlay_nodes_put(const struct maqet_drive *drive, uint64_t parent, uint64_t *id,
                        struct maqet_error **err)
{
    uint64_t size;

    return (maqet_overlay_is_elsewhere(drive) &&
            maqet_overlay_elsewhere_note(drive, err) < 0) ||
                   maqet_overlay_nodes_size(drive, parent, &size, err) < 0 ||
                   maqet_overlays_reserve(drive->overlays, err) < 0
               ? -1
               : maqet_overlay_nodes_fill(drive, parent, size, create_empty, NULL, id,
                                          err);
}

void
maqet_overlay_nodes_undo(const struct maqet_drive *drive, uint64_t id)
{
    struct maqet_overlays *overlays = drive->overlays;

    unlink(maqet_overlays_node(overlays, id)->file.file);
    maqet_overlays_drop(overlays, id);
}

int
maqet_overlay_nodes_size(const struct maqet_drive *drive, uint64_t id, uint64_t *bytes,
                         struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    struct maqet_image_state state;

    if (id == 0 && maqet_overlay_is_elsewhere(drive))
        return maqet_overlay_elsewhere_size(drive, bytes, err);
    /* Its size may have grown since it was recorded. */
    if (maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    view.drive->readonly = true; /* it is only looked at */
    if (maqet_drive_inspect(view.drive, &state, err) < 0)
        return -1;
    *bytes = state.virtual_size;
    return state.exists ? 0
                        : maqet_error_set(err, MAQET_ERROR_MISSING, "%s does not exist",
                                          view.drive->path);
}

int
maqet_overlay_nodes_name(const struct maqet_drive *drive, uint64_t id, const char *name,
                         uint64_t vm_clock, struct maqet_error **err)
{
    struct maqet_overlay *node = maqet_overlays_node(drive->overlays, id);
    uint64_t size;
    struct timespec now;

    if (maqet_overlay_nodes_size(drive, id, &size, err) < 0)
        return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    free(node->name);
    node->name = maqet_strdup(name);
    node->size = size;
    node->snapshot_id = drive->overlays->next++;
    node->seconds = now.tv_sec;
    node->nanoseconds = (uint32_t)now.tv_nsec;
    node->vm_clock = vm_clock;
    return 0;
}

int
maqet_overlay_nodes_adopt(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    const char *name = overlays->prepared_name;
    uint64_t below = overlays->top;

    if ((name && maqet_overlay_nodes_name(drive, below, name, 0, err) < 0) ||
        maqet_overlay_freeze(maqet_overlays_node(overlays, below), err) < 0)
        return -1;
    overlays->top = overlays->prepared;
    overlays->prepared = 0;
    free(TAKE_PTR(overlays->prepared_name));
    return maqet_overlay_nodes_save(drive, err);
}

/* Whether a node is written to, by the guest or by QEMU's job. */
static bool
is_written(const struct maqet_overlays *overlays, const struct maqet_overlay *node)
{
    uint64_t grows =
        overlays->merging_up ? overlays->merging_above : overlays->merging_below;

    return node->id == overlays->top ||
           (overlays->prepared > 0 && node->id == overlays->prepared) ||
           (overlays->merging_above > 0 && node->id == grows);
}

int
maqet_overlay_nodes_refreeze(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    bool changed = overlays->unsaved;

    for (size_t i = 0; i < overlays->count; i++) {
        struct maqet_overlay *node = &overlays->nodes[i];

        if (is_written(overlays, node) || !node->file.file ||
            maqet_file_missing(node->file.file))
            continue;
        if (node->file.checksum) {
            maqet_overlay_protect(node);
            continue;
        }
        if (maqet_overlay_freeze(node, err) < 0)
            return -1;
        changed = true;
    }
    return changed ? maqet_overlay_nodes_save(drive, err) : 0;
}

int
maqet_overlay_nodes_cut(const struct maqet_drive *drive, uint64_t *id,
                        struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    const struct maqet_overlay *top = maqet_overlays_node(overlays, overlays->top);
    uint64_t bytes, size, put, before = overlays->top;

    *id = top->parent;
    if (before != 0 && maqet_overlay_nodes_used(drive, before, &bytes, NULL) == 0 &&
        bytes == 0 && maqet_overlay_nodes_size(drive, before, &size, NULL) == 0 &&
        maqet_overlay_nodes_size(drive, top->parent, &bytes, NULL) == 0 && size == bytes)
        return 0;
    *id = before;
    if (maqet_overlays_check(overlays, before, err) < 0 ||
        maqet_overlay_nodes_put(drive, before, &put, err) < 0)
        return -1;
    overlays->top = put;
    return maqet_overlay_nodes_save(drive, err) < 0
               ? -1
               : maqet_overlay_nodes_refreeze(drive, err);
}

/* ---- nodes that nobody needs ---- */

bool
maqet_overlay_nodes_is_kept(const struct maqet_overlays *overlays,
                            const struct maqet_overlay *node)
{
    return node->name || node->needed_by.count > 0 || node->id == overlays->top ||
           (overlays->prepared > 0 && node->id == overlays->prepared);
}

static const struct maqet_overlay *
find_leaf(const struct maqet_overlays *overlays)
{
    for (size_t i = 1; i < overlays->count; i++)
        if (!maqet_overlay_nodes_is_kept(overlays, &overlays->nodes[i]) &&
            maqet_overlays_children(overlays, overlays->nodes[i].id, NULL) == 0)
            return &overlays->nodes[i];
    return NULL;
}

int
maqet_overlay_nodes_prune(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_overlay *leaf;
    bool changed = drive->overlays->unsaved;

    while ((leaf = find_leaf(drive->overlays))) {
        maqet_overlays_drop(drive->overlays, leaf->id);
        changed = true;
    }
    if (changed && maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    maqet_overlay_files_sweep(drive->overlays);
    return 0;
}

const struct maqet_overlay *
maqet_overlay_nodes_superfluous(const struct maqet_overlays *overlays, size_t from,
                                const struct maqet_overlay **above)
{
    for (size_t i = from; i < overlays->count; i++) {
        struct maqet_overlay *one = NULL;

        if (maqet_overlay_nodes_is_kept(overlays, &overlays->nodes[i]) ||
            maqet_overlays_children(overlays, overlays->nodes[i].id, &one) != 1 ||
            (overlays->prepared > 0 && one->id == overlays->prepared))
            continue;
        *above = one;
        return &overlays->nodes[i];
    }
    return NULL;
}

int
maqet_overlay_nodes_used(const struct maqet_drive *drive, uint64_t id, uint64_t *bytes,
                         struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    struct stat status;

    if (id == 0 && maqet_overlay_is_elsewhere(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "how much its storage holds is not known");
    if (maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    _cleanup_close_ int fd = open(view.drive->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot open %s: %m",
                               view.drive->path);
    if (id == 0) {
        *bytes = (uint64_t)status.st_blocks * 512;
        return 0;
    }
    return MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_SERVICE, used, fd, bytes);
}

/* Whether a QEMU that runs has both of two nodes open, since it has the upper one open. */
static bool
is_open(const struct maqet_drive *drive, const struct maqet_overlay *above)
{
    const struct maqet_overlays *overlays = drive->overlays;

    return drive->running && maqet_overlays_stands_on(overlays, overlays->top, above->id);
}

/* Whether QEMU, if it has two nodes open, can merge them downwards: it stores another name in the node on
 * both of them, which must be the topmost one, as it would not survive that it cannot open another one for
 * writing. */
static bool
goes_down(const struct maqet_drive *drive, const struct maqet_overlay *above)
{
    const struct maqet_overlays *overlays = drive->overlays;

    return !is_open(drive, above) || above->id == overlays->top ||
           maqet_overlays_node(overlays, overlays->top)->parent == above->id;
}

/* The same upwards. The image of the drive stays. */
static bool
goes_up(const struct maqet_drive *drive, const struct maqet_overlay *below,
        const struct maqet_overlay *above)
{
    return below->id > 0 && (!is_open(drive, above) || drive->overlays->upwards);
}

bool
maqet_overlay_nodes_is_deferred(const struct maqet_drive *drive,
                                const struct maqet_overlay *below,
                                const struct maqet_overlay *above)
{
    return !goes_down(drive, above) && !goes_up(drive, below, above);
}

int
maqet_overlay_nodes_way(const struct maqet_drive *drive,
                        const struct maqet_overlay *below,
                        const struct maqet_overlay *above, bool *down, uint64_t *bytes,
                        struct maqet_error **err)
{
    bool downwards = goes_down(drive, above), upwards = goes_up(drive, below, above);
    uint64_t upper, lower = UINT64_MAX;

    if (maqet_overlay_nodes_used(drive, above->id, &upper, err) < 0 ||
        (upwards && maqet_overlay_nodes_used(drive, below->id, &lower, err) < 0))
        return -1;
    *down = !upwards || (downwards && upper <= lower);
    *bytes = *down ? upper : lower;
    return 0;
}
