/* SPDX-License-Identifier: MIT */
#include "core/snapshot/overlay_live.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug.h"
#include "core/qemu/hotplug_files.h"
#include "core/qemu/version.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_costs.h"
#include "core/storage/overlay_files.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_room.h"
#include "core/storage/overlay_view.h"

/* ms that QEMU has for each answer. */
static const int64_t ANSWER_TIMEOUT = 60000;

/* ---- what QEMU has ---- */

static int
error_in(const struct maqet_opened *machine, const struct maqet_drive *drive,
         struct maqet_error **err)
{
    return maqet_error_wrap(err, "VM '%s', drive '%s'", machine->name, drive->name);
}

/* The job on a drive. The caller frees. */
static char *
job_id(const struct maqet_drive *drive)
{
    return maqet_format("maqet-merge-%s", drive->name);
}

/* Has QEMU close a node that nothing stands on or is attached to. It need not be there. */
static void
close_node(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t id)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    _cleanup_free_ char *mark = maqet_overlay_mark(drive->name, id);
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, NULL);

    if (!qmp)
        return;
    json_object_put(maqet_qmp_execute(
        qmp, "blockdev-del",
        maqet_json_object("node-name", json_object_new_string(name), NULL),
        ANSWER_TIMEOUT, NULL));
    maqet_hotplug_drop_files(qmp, ANSWER_TIMEOUT, mark, NULL);
}

/* How many nodes QEMU has below a node; negative: it has no such node. */
static int
depth_of(json_object *nodes, const struct maqet_drive *drive, uint64_t id)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    json_object *node = maqet_monitor_find_node(nodes, name);

    return node ? (int)maqet_json_int(node, "backing_file_depth") : -1;
}

/* A job that has merged another node into it need not have written all to the disk, and the other
 * one's file is about to be removed. */
static int
flush_node(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t id,
           struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);

    return maqet_block_flush(machine, drive->name, name, err);
}

/* ---- after an interruption ---- */

/* Forgets the prepared node, which QEMU writes nothing to. */
static void
drop_prepared(struct maqet_opened *machine, const struct maqet_drive *drive)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t id = overlays->prepared;

    if (id == 0)
        return;
    close_node(machine, drive, id);
    overlays->prepared = 0;
    free(TAKE_PTR(overlays->prepared_name));
    maqet_overlays_drop(overlays, id);
    if (maqet_overlay_nodes_save(drive, NULL) == 0)
        maqet_overlay_files_sweep(overlays);
}

static int
settle_prepared(struct maqet_opened *machine, const struct maqet_drive *drive,
                json_object *nodes, struct maqet_error **err)
{
    uint64_t id = drive->overlays->prepared;

    /* Until the transaction, it stands on nothing. */
    if (depth_of(nodes, drive, id) > 0)
        return maqet_overlay_nodes_adopt(drive, err);
    drop_prepared(machine, drive);
    return 0;
}

/* After the merge, the topmost node stands on one node less. */
static int
settle_merging(struct maqet_opened *machine, const struct maqet_drive *drive,
               json_object *nodes, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t below = overlays->merging_below, above = overlays->merging_above;
    bool down = !overlays->merging_up;
    uint64_t stays = down ? below : above;
    int lowest = depth_of(nodes, drive, 0), top = depth_of(nodes, drive, overlays->top);
    bool merged = lowest >= 0 && top >= 0 &&
                  top - lowest < (int)maqet_overlays_depth(overlays, overlays->top);

    if ((merged || lowest >= 0) && flush_node(machine, drive, stays, err) < 0)
        return -1;
    if (!merged)
        return maqet_overlay_nodes_unmerged(drive, err);
    if (maqet_overlay_nodes_merged(drive, below, above, down, err) < 0)
        return -1;
    close_node(machine, drive, down ? above : below);
    return 0;
}

static int
settle_running(struct maqet_opened *machine, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ char *id = job_id(drive);

    if (overlays->merging_above > 0 && maqet_block_job_cancel(machine, id, err) < 0)
        return -1;
    /* Only with all that they stand on does QEMU say how deep they stand (QEMU:
     * bdrv_block_device_info() in block/qapi.c). */
    _cleanup_json_ json_object *nodes = maqet_monitor_ask(
        machine, "query-named-block-nodes",
        maqet_json_object("flat", json_object_new_boolean(false), NULL), err);
    if (!nodes ||
        (overlays->merging_above > 0 && settle_merging(machine, drive, nodes, err) < 0))
        return -1;
    return overlays->prepared > 0 ? settle_prepared(machine, drive, nodes, err) : 0;
}

int
maqet_overlay_live_settle(struct maqet_opened *machine, const struct maqet_drive *drive,
                          struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;

    const char *file;

    if (!overlays)
        return 0;
    /* That one's QEMU knows what is to be settled. */
    if (maqet_holders_unsettled(drive, &file)) {
        _cleanup_free_ char *what =
            maqet_format("drive '%s': the overlay %s", drive->name, file);
        return maqet_holders_error(machine->vm, what, file, err);
    }
    if (machine->run.pid > 0 && (overlays->prepared > 0 || overlays->merging_above > 0) &&
        settle_running(machine, drive, err) < 0)
        return -1;
    if (overlays->merging_above > 0 && maqet_overlay_nodes_unmerged(drive, err) < 0)
        return -1;
    if (overlays->prepared > 0 && maqet_overlay_nodes_adopt(drive, err) < 0)
        return -1;
    return maqet_overlay_nodes_refreeze(drive, err);
}

int
maqet_overlay_live_settle_all(struct maqet_opened *machine, struct maqet_error **err)
{
    for (size_t i = 0; i < machine->vm->drive_count; i++)
        if (maqet_overlay_live_settle(machine, machine->vm->drives[i], err) < 0)
            return -1;
    return 0;
}

void
maqet_overlay_live_settle_each(struct maqet_opened *machine)
{
    for (size_t i = 0; i < machine->vm->drive_count; i++) {
        struct maqet_drive *drive = machine->vm->drives[i];
        struct maqet_error *error = NULL;

        if (maqet_overlay_live_settle(machine, drive, &error) == 0)
            continue;
        error_in(machine, drive, &error);
        maqet_error_free(drive->fault);
        drive->fault = error;
        drive->fault_of = MAQET_FAULT_FILES;
    }
}

/* ---- creating ---- */

/* A file is not replaced between its creation and its opening: its folder is ours alone. */
static int
accept_file(void *data, const char *path, int fd, struct maqet_error **err)
{
    (void)data;
    (void)path;
    (void)fd;
    (void)err;
    return 0;
}

/* Has QEMU open a node, which gets its backing node by the transaction. */
static int
open_node(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t id,
          struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_view_ struct maqet_view view = {0};
    _cleanup_free_ char *mark = maqet_overlay_mark(drive->name, id);
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);

    if (!qmp || maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    view.drive->readonly = false;
    if (maqet_storage_emit_args(view.drive, args, err) < 0)
        return -1;
    for (size_t i = 0; i < args->count; i++)
        if (json_object_object_get_ex(args->objects[i]->json, "backing", NULL))
            json_object_object_add(args->objects[i]->json, "backing", NULL);
    const struct maqet_hotplug hotplug = {
        .qmp = qmp, .args = args, .timeout = ANSWER_TIMEOUT, .stays_writable = true};
    /* By its name, if QEMU may open files in the folder: it can then reopen it in any way. */
    if (maqet_hotplug_add(&hotplug, NULL) == 0)
        return 0;
    if (maqet_hotplug_pass_files(&hotplug, mark, accept_file, NULL, err) == 0 &&
        maqet_hotplug_add(&hotplug, err) == 0)
        return 0;
    return error_in(machine, drive, err);
}

int
maqet_overlay_live_prepare(struct maqet_opened *machine, const struct maqet_drive *drive,
                           const char *name, struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t id;

    if (overlays->prepared > 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s', drive '%s': a command on its snapshots was interrupted",
                        machine->name, drive->name);
        return maqet_error_next(err, MAQET_NEXT_RECOVER, machine->name, NULL);
    }
    if (maqet_overlay_nodes_put(drive, overlays->top, &id, err) < 0)
        return -1;
    overlays->prepared = id;
    overlays->prepared_name = maqet_strdup(name);
    if (maqet_overlay_nodes_save(drive, err) == 0 &&
        open_node(machine, drive, id, err) == 0)
        return 0;
    maqet_overlay_live_settle(machine, drive, NULL);
    return -1;
}

int
maqet_overlay_live_done(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_overlay_nodes_adopt(drive, err);
}

/* ---- merging ---- */

/* Writes what a node holds into the one below, or what that one holds into it. */
static int
begin_job(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t below,
          uint64_t above, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    bool down = !overlays->merging_up;
    uint64_t stands_on = down ? below : maqet_overlays_node(overlays, below)->parent;
    _cleanup_free_ char *id = job_id(drive);
    _cleanup_free_ char *device =
        maqet_overlay_node_name(drive->name, down ? overlays->top : above);
    _cleanup_free_ char *top = maqet_overlay_node_name(drive->name, above);
    _cleanup_free_ char *base = maqet_overlay_node_name(drive->name, stands_on);
    _cleanup_free_ char *stored =
        maqet_overlays_backing_name(overlays, maqet_overlays_node(overlays, stands_on));

    /* One that was interrupted may have left a job of that name that has ended. */
    if (maqet_block_job_cancel(machine, id, err) < 0)
        return -1;
    json_object *arguments = maqet_json_object(
        "job-id", json_object_new_string(id), "device", json_object_new_string(device),
        "base-node", json_object_new_string(base), "backing-file",
        json_object_new_string(stored), "auto-dismiss", json_object_new_boolean(false),
        NULL);
    if (down)
        json_object_object_add(arguments, "top-node", json_object_new_string(top));
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        machine, down ? "block-commit" : "block-stream", arguments, err);
    return answer ? 0 : -1;
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

    if (!nodes || !node)
        return nodes ? 0 : -1;
    return maqet_hotplug_pass_for_writing(
        machine->qmp, ANSWER_TIMEOUT, maqet_json_text(node, "file"),
        maqet_overlays_node(drive->overlays, written)->file.file, mark, err);
}

static int
run_job(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t below,
        uint64_t above, struct maqet_error **err)
{
    _cleanup_free_ char *id = job_id(drive);
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
    if (result == 0 && flush_node(machine, drive, stays, err) < 0)
        return -1;
    /* QEMU may not have ended it, or may have done it nevertheless. */
    if (result < 0) {
        maqet_overlay_live_settle(machine, drive, NULL);
        return -1;
    }
    maqet_overlay_nodes_note_rate(overlays, bytes, took);
    if (maqet_overlay_nodes_merged(drive, below, above, down, err) < 0)
        return -1;
    close_node(machine, drive, goes);
    return 0;
}

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

/* Merges two nodes that QEMU has open. The topmost one gets another one on it before it is merged with the
 * one below, but only once (*put): then there is one more to merge, and the two are looked at again. */
static int
merge_open(struct maqet_opened *machine, const struct maqet_drive *drive,
           const struct maqet_overlay *below, const struct maqet_overlay *above,
           bool *put, struct maqet_error **err)
{
    uint64_t lower = below->id, upper = above->id, bytes;
    bool down;

    if (maqet_overlay_nodes_way(drive, below, above, &down, &bytes, err) < 0)
        return -1;
    if (down && upper == drive->overlays->top) {
        *put = true;
        if (put_on_top(machine, drive, err) < 0)
            return -1;
    }
    return merge_running(machine, drive, lower, upper, down, err);
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
enum { UPWARDS_SINCE = 80200 };

void
maqet_overlay_live_foresee(const struct maqet_opened *machine,
                           const struct maqet_drive *drive)
{
    struct maqet_overlays *overlays = drive->overlays;
    int version = machine->qmp              ? machine->qmp->version
                  : drive->machine->program ? maqet_qemu_version(drive->machine->program)
                                            : 0;

    overlays->upwards = version >= UPWARDS_SINCE;
}

int
maqet_overlay_live_remove(struct maqet_opened *machine, const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    struct maqet_overlay *node = maqet_overlays_find(drive->overlays, snapshot->name);

    /* What runs need not be of the version that the program has by now. */
    if (!maqet_monitor_connect(machine, err))
        return -1;
    maqet_overlay_live_foresee(machine, drive);
    if (!node)
        return maqet_error_set(err, MAQET_ERROR_MISSING, "there is no snapshot '%s'",
                               snapshot->name);
    if (maqet_overlay_room_check_removal(drive, node, err) < 0)
        return error_in(machine, drive, err);
    char *name = TAKE_PTR(node->name);
    if (maqet_overlay_nodes_save(drive, err) < 0) {
        node->name = name;
        return -1;
    }
    free(name);
    return maqet_overlay_nodes_prune(drive, err) < 0 ? -1
                                                     : merge_all(machine, drive, err);
}
