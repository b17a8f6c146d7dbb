/* SPDX-License-Identifier: MIT */
/*
 * overlay_merge.c - why an interruption does no harm:
 *
 * When what a node holds is written into the one below (downwards), the node itself does not
 * change, and hides what is written; so it shows the same at any time. Afterwards the nodes on it
 * store another name, while the tree still has the old one; both show the same. Upwards, the
 * lower node does not change, and what the upper one gets is what it has shown before.
 */
#include "core/storage/overlay_merge.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/storage/callback.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_files.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_view.h"

static int
call_merge_down(const struct maqet_drive *drive, const struct maqet_overlay *above,
                struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    if (maqet_view_make_written(drive, above->id, &view, err) < 0)
        return -1;
    view.drive->backing.written = true;
    return MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, merge_down);
}

int
maqet_overlay_nodes_pour(const struct maqet_drive *drive, uint64_t id,
                         struct maqet_error **err)
{
    int result = call_merge_down(drive, maqet_overlays_node(drive->overlays, id), err);

    maqet_overlay_nodes_undo(drive, id);
    return result < 0 ? maqet_error_wrap(err, "VM '%s', drive '%s'",
                                         drive->machine->vm_name, drive->name)
                      : 0;
}

/* Less than that takes its time for other reasons. */
static const uint64_t TELLING = 1024 * 1024;

void
maqet_overlay_nodes_note_rate(struct maqet_overlays *overlays, uint64_t bytes,
                              double milliseconds)
{
    if (bytes >= TELLING && milliseconds > 0)
        overlays->rate = (uint64_t)((double)bytes * 1000 / milliseconds);
}

/* A node on the upper one is one on the lower one from now on, whose name it stores. What nothing
 * writes to is frozen; QEMU, too, had to write to it for that. */
static int
stand_on(const struct maqet_overlays *overlays, struct maqet_overlay *node,
         uint64_t below, struct maqet_error **err)
{
    node->parent = below;
    return node->id == overlays->top || node->id == overlays->prepared
               ? 0
               : maqet_overlay_freeze(node, err);
}

/* Whether a node on @above is to store another name. With those that QEMU has open, it does that
 * itself. */
static bool
is_renamed(const struct maqet_drive *drive, const struct maqet_overlay *node,
           uint64_t above)
{
    const struct maqet_overlays *overlays = drive->overlays;

    return node->id > 0 && node->parent == above &&
           !(drive->running &&
             maqet_overlays_stands_on(overlays, overlays->top, node->id));
}

/* Makes a node on @above store the name of @below. */
static int
rename_backing(const struct maqet_drive *drive, struct maqet_overlay *node,
               uint64_t above, uint64_t below, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    node->parent = below;
    int result =
        maqet_view_make_written(drive, node->id, &view, err) < 0
            ? -1
            : MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, rename_backing);
    node->parent = above;
    return result;
}

/* All of them, or none. Before they are written to, the tree forgets what was in them, so that an
 * interruption does not make them look like changed by others. */
static int
rename_backings(const struct maqet_drive *drive, uint64_t above, uint64_t below,
                struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    size_t at;

    for (size_t i = 0; i < overlays->count; i++)
        if (is_renamed(drive, &overlays->nodes[i], above) &&
            maqet_overlay_thaw(&overlays->nodes[i], err) < 0)
            return -1;
    if (maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    for (at = 0; at < overlays->count; at++)
        if (is_renamed(drive, &overlays->nodes[at], above) &&
            rename_backing(drive, &overlays->nodes[at], above, below, err) < 0)
            break;
    if (at == overlays->count)
        return 0;
    while (at-- > 0)
        if (is_renamed(drive, &overlays->nodes[at], above))
            rename_backing(drive, &overlays->nodes[at], above, above, NULL);
    return -1;
}

/* Makes all nodes on node 0 store the name that the tree has of it. Before they are written to, the tree
 * forgets what was in them, as for a merge. */
static int
store_name(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    struct maqet_overlay *lowest = maqet_overlays_node(overlays, 0);

    for (size_t i = 1; i < overlays->count; i++)
        if (overlays->nodes[i].parent == 0 &&
            maqet_overlay_thaw(&overlays->nodes[i], err) < 0)
            return -1;
    if (maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    for (size_t i = 1; i < overlays->count; i++)
        if (overlays->nodes[i].parent == 0 &&
            rename_backing(drive, &overlays->nodes[i], 0, 0, err) < 0)
            return -1;
    free(TAKE_PTR(lowest->former_name));
    return maqet_overlay_nodes_save(drive, err);
}

/* The tree has both names until all nodes have the new one. */
static int
change_name(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlay *lowest = maqet_overlays_node(drive->overlays, 0);
    _cleanup_free_ char *name = NULL, *format = NULL;

    if (lowest->former_name && store_name(drive, err) < 0)
        return -1;
    if (maqet_overlay_elsewhere_name(drive, &name, &format, err) < 0)
        return -1;
    if (lowest->stored_name && strcmp(lowest->stored_name, name) == 0)
        return 0;
    lowest->former_name = lowest->stored_name;
    lowest->stored_name = TAKE_PTR(name);
    free(lowest->stored_format);
    lowest->stored_format = TAKE_PTR(format);
    return store_name(drive, err);
}

int
maqet_overlay_nodes_renew(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (!maqet_overlay_is_elsewhere(drive) || drive->overlays->count == 1)
        return 0;
    int result = change_name(drive, err);

    return maqet_overlay_nodes_refreeze(drive, result < 0 ? NULL : err) < 0 ? -1 : result;
}

/* qemu-img commits only what it can open for writing, although it writes nothing to it. */
static int
merge_down(const struct maqet_drive *drive, struct maqet_overlay *below,
           struct maqet_overlay *above, struct maqet_error **err)
{
    return maqet_overlay_thaw(below, err) < 0 || maqet_overlay_thaw(above, err) < 0 ||
                   maqet_overlay_nodes_save(drive, err) < 0
               ? -1
               : call_merge_down(drive, above, err);
}

static int
merge_up(const struct maqet_drive *drive, const struct maqet_overlay *below,
         struct maqet_overlay *above, struct maqet_error **err)
{
    const struct maqet_overlay *lower =
        maqet_overlays_node(drive->overlays, below->parent);
    _cleanup_free_ char *name = maqet_overlays_backing_name(drive->overlays, lower);
    _cleanup_view_ struct maqet_view view = {0}, lowest = {0};

    return maqet_overlay_thaw(above, err) < 0 ||
                   maqet_overlay_nodes_save(drive, err) < 0 ||
                   maqet_view_make_written(drive, above->id, &view, err) < 0 ||
                   maqet_view_make(drive, lower->id, &lowest, err) < 0 ||
                   MAQET_OVERLAY_CALL(err, view.drive, MAQET_CALL_LONG, merge_up, name,
                                      maqet_overlays_backing_format(
                                          drive->overlays, lower,
                                          lowest.drive->storage->plugin.format)) < 0
               ? -1
               : 0;
}

/* A QEMU that has ended may have completed the merge: then the upper node stores the name of what the lower
 * one stands on. The tree has both, so it gets the name of the lower one again, on which it shows the same. */
static int
settle_upper(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    struct maqet_overlay *upper = maqet_overlays_node(overlays, overlays->merging_above);

    /* It may have been frozen already. */
    if (!drive->running &&
        (maqet_overlay_thaw(upper, err) < 0 ||
         rename_backing(drive, upper, upper->parent, upper->parent, err) < 0))
        return -1;
    return upper->id == overlays->top ? 0 : maqet_overlay_freeze(upper, err);
}

int
maqet_overlay_nodes_unmerged(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    struct maqet_overlay *lower = maqet_overlays_node(overlays, overlays->merging_below);

    if ((overlays->merging_up ? settle_upper(drive, err)
                              : maqet_overlay_freeze(lower, err)) < 0)
        return -1;
    overlays->merging_below = overlays->merging_above = 0;
    overlays->merging_up = false;
    return maqet_overlay_nodes_save(drive, err);
}

int
maqet_overlay_nodes_merged(const struct maqet_drive *drive, uint64_t below,
                           uint64_t above, bool down, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    struct maqet_overlay *lower = maqet_overlays_node(overlays, below);
    struct maqet_overlay *upper = maqet_overlays_node(overlays, above);
    struct maqet_overlay *stays = down ? lower : upper;

    if (down) {
        if (rename_backings(drive, above, below, err) < 0)
            return -1;
        /* It is what the upper one was. */
        for (size_t i = 1; i < overlays->count; i++)
            if (overlays->nodes[i].parent == above &&
                stand_on(overlays, &overlays->nodes[i], below, err) < 0)
                return -1;
        free(lower->name);
        lower->name = TAKE_PTR(upper->name);
        lower->snapshot_id = upper->snapshot_id;
        lower->seconds = upper->seconds;
        lower->nanoseconds = upper->nanoseconds;
        lower->vm_clock = upper->vm_clock;
        /* What was noted of it may be from before the drive has grown. */
        if (lower->file.file ||
            maqet_overlay_nodes_size(drive, above, &lower->size, NULL) < 0)
            lower->size = upper->size;
        if (overlays->top == above)
            overlays->top = below;
    } else {
        upper->parent = lower->parent;
    }
    bool writes = stays->id == overlays->top;
    if ((writes ? maqet_overlay_thaw(stays, err) : maqet_overlay_freeze(stays, err)) < 0)
        return -1;
    maqet_overlays_drop(overlays, down ? above : below);
    /* Not before: until the tree says what QEMU has done, the next command has to find out. */
    overlays->merging_below = overlays->merging_above = 0;
    overlays->merging_up = false;
    if (maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    maqet_overlay_files_sweep(overlays);
    return 0;
}

int
maqet_overlay_nodes_merge(const struct maqet_drive *drive,
                          const struct maqet_overlay *below,
                          const struct maqet_overlay *above, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    struct maqet_overlay *lower = maqet_overlays_node(overlays, below->id);
    struct maqet_overlay *upper = maqet_overlays_node(overlays, above->id);
    uint64_t bytes;
    bool down;

    if (maqet_overlays_check(overlays, above->id, err) < 0 ||
        (!lower->file.file && maqet_overlay_elsewhere_check(drive, err) < 0) ||
        (!drive->running && maqet_overlay_nodes_renew(drive, err) < 0) ||
        maqet_overlay_nodes_way(drive, below, above, &down, &bytes, err) < 0)
        return -1;
    uint64_t lower_id = below->id, upper_id = above->id;
    double begun = maqet_now_exact();
    if ((down ? merge_down(drive, lower, upper, err)
              : merge_up(drive, lower, upper, err)) < 0) {
        maqet_overlay_nodes_refreeze(drive, NULL);
        return maqet_error_wrap(err, "VM '%s', drive '%s': cannot merge %s with %s",
                                drive->machine->vm_name, drive->name, upper->file.file,
                                lower->file.file ? lower->file.file : overlays->place);
    }
    maqet_overlay_nodes_note_rate(overlays, bytes, maqet_now_exact() - begun);
    if (maqet_overlay_nodes_merged(drive, lower_id, upper_id, down, err) == 0)
        return 0;
    maqet_overlay_nodes_refreeze(drive, NULL);
    return -1;
}
