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

/* ---- a merge that was interrupted ---- */

/* QEMU changes what it has before it stores that in the upper node, which may have failed. */
static int
store_name(struct maqet_opened *machine, const struct maqet_drive *drive, uint64_t above,
           uint64_t below, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    uint64_t stands_on = maqet_overlays_node(overlays, below)->parent;
    _cleanup_free_ char *top = maqet_overlay_node_name(drive->name, overlays->top);
    _cleanup_free_ char *upper = maqet_overlay_node_name(drive->name, above);
    _cleanup_free_ char *stored =
        maqet_overlays_backing_name(overlays, maqet_overlays_node(overlays, stands_on));
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        machine, "change-backing-file",
        maqet_json_object("device", json_object_new_string(top), "image-node-name",
                          json_object_new_string(upper), "backing-file",
                          json_object_new_string(stored), NULL),
        err);

    return answer ? maqet_overlay_qemu_flush(machine, drive, above, err) : -1;
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
