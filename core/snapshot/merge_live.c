/* SPDX-License-Identifier: MIT */
#include "core/snapshot/merge_live.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug_files.h"
#include "core/snapshot/overlay_live.h"
#include "core/snapshot/overlay_qemu.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_room.h"

/* ---- QEMU's job ---- */

/* Writes what a node holds into the one below, or what that one holds into it. */
static int
begin_job(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t below,
          uint64_t above, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    return overlays->merging_up
               ? maqet_overlay_qemu_begin_up(machine, drive,
                                             maqet_overlays_node(overlays, below)->parent,
                                             above, err)
               : maqet_overlay_qemu_begin_down(machine, drive, below, above, err);
}

/* QEMU, which writes to a node, may have been passed its file for reading alone. */
static int
pass_file(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t written,
          struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, written);
    _cleanup_free_ char *mark = maqet_overlay_mark(drive->name, written);
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, err);
    json_object *node = nodes ? maqet_monitor_find_node(nodes, name) : NULL;
    const char *file = maqet_overlays_node(drive->overlays, written)->file.file;

    if (!nodes || !node || !file)
        return nodes ? 0 : -1;
    return maqet_hotplug_pass_for_writing(machine->qmp, MAQET_OVERLAY_TIMEOUT,
                                          maqet_json_text(node, "file"), file, mark, err);
}

static int
run_job(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t below,
        uint64_t above, struct maqet_error **err)
{
    _cleanup_free_ char *id = maqet_overlay_qemu_job(drive);
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': merged", machine->name, drive->name);
    const struct maqet_block_job job = {.id = id, .what = what, .limit = -1};

    return pass_file(machine, drive, drive->overlays->merging_up ? above : below, err) <
                       0 ||
                   begin_job(machine, drive, below, above, err) < 0
               ? -1
               : maqet_block_job_wait(machine, &job, err);
}

/* Merges two nodes that QEMU has open. */
static int
merge_running(struct maqet_opened *machine, const struct maqet_drive *drive,
              uint64_t below, uint64_t above, bool down, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t stays = down ? below : above, goes = down ? above : below, bytes = 0;
    struct maqet_overlay *written = maqet_overlays_node(overlays, stays);

    maqet_overlay_nodes_used(drive, goes, &bytes, NULL);
    overlays->merging_below = below;
    overlays->merging_above = above;
    overlays->merging_up = !down;
    if (maqet_overlay_thaw(written, err) < 0 || maqet_overlay_nodes_save(drive, err) < 0)
        return -1;
    double begun = maqet_now_exact();
    int result = run_job(machine, drive, below, above, err);
    double took = maqet_now_exact() - begun;
    /* If the job is done, the next command finds that out, and tries this again. */
    if (result == 0 && maqet_overlay_qemu_flush(machine, drive, stays, err) < 0)
        return -1;
    /* QEMU may not have ended it, or may have done it nevertheless. */
    if (result < 0) {
        maqet_overlay_live_settle(machine, drive, NULL);
        return -1;
    }
    maqet_overlay_nodes_note_rate(overlays, bytes, took);
    maqet_overlay_qemu_close(machine, drive, goes);
    return maqet_overlay_nodes_merged(drive, below, above, down, err);
}

/* ---- what is merged, and how ---- */

/* Redirects the guest's writes to a new overlay, which makes no snapshot. */
static int
put_on_top(struct maqet_opened *machine, const struct maqet_drive *drive,
           struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (maqet_overlay_live_prepare(machine, drive, NULL, err) < 0)
        return -1;
    if (drive->storage->snapshot.live_create(drive, "", actions, err) == 0 &&
        maqet_monitor_run_actions(machine, actions, err) == 0)
        return maqet_overlay_live_done(drive, err);
    maqet_overlay_live_settle(machine, drive, NULL);
    return -1;
}

static void
say_deferred(const struct maqet_opened *machine, const struct maqet_drive *drive)
{
    maqet_context_say(
        machine->context, MAQET_LEVEL_INFO,
        "The space of deleted snapshots of drive '%s' is not freed yet: what "
        "they held is merged with others by the first command on its snapshots when VM "
        "'%s' is stopped",
        drive->name, machine->name);
}

/* Merges two nodes upwards. If QEMU cannot do that, which is said, it is not asked for it again, and they are
 * merged in another way, or later. */
static int
merge_up(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t lower,
         uint64_t upper, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (merge_running(machine, drive, lower, upper, false, &reason) == 0)
        return 0;
    if (reason->code != MAQET_ERROR_FAILED || drive->overlays->merging_above > 0)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, reason);
    drive->overlays->upwards = false;
    return 0;
}

/* Merges two nodes that QEMU has open. The topmost one gets another one on it before it is merged with the
 * one below, but only once (*put), since then there is one more to merge. */
static int
merge_open(struct maqet_opened *machine, const struct maqet_drive *drive,
           const struct maqet_overlay *below, const struct maqet_overlay *above,
           bool *put, struct maqet_error **err)
{
    uint64_t lower = below->id, upper = above->id, bytes;
    bool down;

    if (maqet_overlay_nodes_way(drive, below, above, &down, &bytes, err) < 0)
        return -1;
    if (!down)
        return merge_up(machine, drive, lower, upper, err);
    if (upper == drive->overlays->top) {
        *put = true;
        if (put_on_top(machine, drive, err) < 0)
            return -1;
    }
    return merge_running(machine, drive, lower, upper, true, err);
}

/* Merges all nodes that nobody needs by themselves, but for those that wait until the machine is
 * stopped. */
static int
merge_all(struct maqet_opened *machine, const struct maqet_drive *drive,
          struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    const struct maqet_overlay *below, *above;
    size_t from = 0;
    bool put = false, deferred = false;

    while ((below = maqet_overlay_nodes_superfluous(overlays, from, &above))) {
        bool open = maqet_overlays_stands_on(overlays, overlays->top, above->id);

        from = (size_t)(below - overlays->nodes) + 1;
        if (maqet_overlay_nodes_is_deferred(drive, below, above) ||
            (open && put && above->id == overlays->top)) {
            deferred = true;
            continue;
        }
        if (maqet_overlay_room_is_awaited(drive, below, above, true))
            continue;
        if ((open ? merge_open(machine, drive, below, above, &put, err)
                  : maqet_overlay_nodes_merge(drive, below, above, err)) < 0)
            return -1;
        from = 0;
        deferred = false;
    }
    if (deferred)
        say_deferred(machine, drive);
    return 0;
}

/* QEMU 8.2 is the first one whose `block-stream` survives that the guest writes to a part of a cluster
 * (QEMU: "block/io: align requests to subcluster_size"). */
enum { UPWARDS_SINCE = 80200, UPWARDS_SINCE_EXACT = 8002000 };

void
maqet_merge_live_foresee(const struct maqet_opened *machine,
                         const struct maqet_drive *drive)
{
    drive->overlays->upwards =
        machine->qmp ? machine->qmp->version >= UPWARDS_SINCE
                     : maqet_machine_qemu_version(drive->machine) >= UPWARDS_SINCE_EXACT;
}

int
maqet_merge_live_remove(struct maqet_opened *machine, const struct maqet_drive *drive,
                        const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    struct maqet_overlay *node = maqet_overlays_find(drive->overlays, snapshot->name);

    /* What runs need not be of the version that the program has by now. */
    if (!maqet_monitor_connect(machine, err))
        return -1;
    maqet_merge_live_foresee(machine, drive);
    /* What the topmost node holds is seen in its file only when QEMU has written its tables. */
    maqet_overlay_qemu_flush(machine, drive, drive->overlays->top, NULL);
    if (!node)
        return maqet_error_set(err, MAQET_ERROR_MISSING, "there is no snapshot '%s'",
                               snapshot->name);
    if (maqet_overlay_room_check_removal(drive, node, err) < 0)
        return maqet_overlay_qemu_error(machine, drive, err);
    char *name = TAKE_PTR(node->name);
    if (maqet_overlay_nodes_save(drive, err) < 0) {
        node->name = name;
        return -1;
    }
    free(name);
    return maqet_overlay_nodes_prune(drive, err) < 0 ? -1
                                                     : merge_all(machine, drive, err);
}
