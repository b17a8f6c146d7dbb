/* SPDX-License-Identifier: MIT */
#include "core/snapshot/overlay_qemu.h"

#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug_files.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

int
maqet_overlay_qemu_error(const struct maqet_opened *machine,
                         const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_error_wrap(err, "VM '%s', drive '%s'", machine->name, drive->name);
}

char *
maqet_overlay_qemu_job(const struct maqet_drive *drive)
{
    return maqet_format("maqet-merge-%s", drive->name);
}

/* One whose file is gone must not stay: if what it stands on is merged, QEMU opens it for writing, to store
 * another name in it, and does not survive that it cannot. So a node is closed before its file is removed. */
void
maqet_overlay_qemu_close(struct maqet_opened *machine, const struct maqet_drive *drive,
                         uint64_t id)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    _cleanup_free_ char *mark = maqet_overlay_mark(drive->name, id);
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, NULL);

    if (!qmp)
        return;
    json_object_put(maqet_qmp_execute(
        qmp, "blockdev-del",
        maqet_json_object("node-name", json_object_new_string(name), NULL),
        MAQET_OVERLAY_TIMEOUT, NULL));
    maqet_hotplug_drop_files(qmp, MAQET_OVERLAY_TIMEOUT, mark, NULL);
}

int
maqet_overlay_qemu_depth(json_object *nodes, const struct maqet_drive *drive, uint64_t id)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);
    json_object *node = maqet_monitor_find_node(nodes, name);

    return node ? (int)maqet_json_int(node, "backing_file_depth") : -1;
}

int
maqet_overlay_qemu_flush(struct maqet_opened *machine, const struct maqet_drive *drive,
                         uint64_t id, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);

    return maqet_block_flush(machine, drive->name, name, err);
}

/* ---- the job ---- */

/* Takes the arguments that the direction needs. */
static int
begin(struct maqet_opened *machine, const struct maqet_drive *drive, const char *command,
      uint64_t device, uint64_t base, json_object *arguments, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ char *id = maqet_overlay_qemu_job(drive);
    _cleanup_free_ char *device_name = maqet_overlay_node_name(drive->name, device);
    _cleanup_free_ char *base_name = maqet_overlay_node_name(drive->name, base);
    _cleanup_free_ char *stored =
        maqet_overlays_backing_name(overlays, maqet_overlays_node(overlays, base));

    /* One that was interrupted may have left a job of that name that has ended. */
    if (maqet_block_job_cancel(machine, id, err) < 0) {
        json_object_put(arguments);
        return -1;
    }
    json_object_object_add(arguments, "job-id", json_object_new_string(id));
    json_object_object_add(arguments, "device", json_object_new_string(device_name));
    json_object_object_add(arguments, "base-node", json_object_new_string(base_name));
    json_object_object_add(arguments, "backing-file", json_object_new_string(stored));
    json_object_object_add(arguments, "auto-dismiss", json_object_new_boolean(false));
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(machine, command, arguments, err);
    return answer ? 0 : -1;
}

int
maqet_overlay_qemu_begin_down(struct maqet_opened *machine,
                              const struct maqet_drive *drive, uint64_t below,
                              uint64_t above, struct maqet_error **err)
{
    _cleanup_free_ char *top = maqet_overlay_node_name(drive->name, above);

    return begin(machine, drive, "block-commit", drive->overlays->top, below,
                 maqet_json_object("top-node", json_object_new_string(top), NULL), err);
}

int
maqet_overlay_qemu_begin_up(struct maqet_opened *machine, const struct maqet_drive *drive,
                            uint64_t base, uint64_t above, struct maqet_error **err)
{
    return begin(machine, drive, "block-stream", above, base, json_object_new_object(),
                 err);
}

/* ---- a merge that was interrupted ---- */

/* QEMU changes what it has before it stores that in the upper node, which may have failed. A merge of two that
 * are one already moves nothing, and stores name and format. */
static int
store_name(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t above,
           uint64_t below, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    uint64_t stands_on = maqet_overlays_node(overlays, below)->parent;
    _cleanup_free_ char *id = maqet_overlay_qemu_job(drive);
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': merged", machine->name, drive->name);
    const struct maqet_block_job job = {.id = id, .what = what, .limit = -1};

    return maqet_overlay_qemu_begin_up(machine, drive, stands_on, above, err) < 0 ||
                   maqet_block_job_wait(machine, &job, err) < 0
               ? -1
               : maqet_overlay_qemu_flush(machine, drive, above, err);
}

/* After the merge, the topmost node stands on one node less. */
int
maqet_overlay_qemu_settle_merging(struct maqet_opened *machine,
                                  const struct maqet_drive *drive, json_object *nodes,
                                  struct maqet_error **err)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t below = overlays->merging_below, above = overlays->merging_above;
    bool down = !overlays->merging_up;
    uint64_t stays = down ? below : above;
    int lowest = maqet_overlay_qemu_depth(nodes, drive, 0),
        top = maqet_overlay_qemu_depth(nodes, drive, overlays->top);
    bool merged = lowest >= 0 && top >= 0 &&
                  top - lowest < (int)maqet_overlays_depth(overlays, overlays->top);

    if ((merged || lowest >= 0) &&
        maqet_overlay_qemu_flush(machine, drive, stays, err) < 0)
        return -1;
    if (!merged)
        return maqet_overlay_nodes_unmerged(drive, err);
    if (!down && store_name(machine, drive, above, below, err) < 0)
        return -1;
    maqet_overlay_qemu_close(machine, drive, down ? above : below);
    return maqet_overlay_nodes_merged(drive, below, above, down, err);
}
