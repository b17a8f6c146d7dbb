/* SPDX-License-Identifier: MIT */
#include "core/snapshot/overlay_live.h"

#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug.h"
#include "core/qemu/hotplug_files.h"
#include "core/snapshot/overlay_qemu.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_files.h"
#include "core/storage/overlay_merge.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_view.h"

/* ---- after an interruption ---- */

/* Forgets the prepared node, which QEMU writes nothing to. */
static void
drop_prepared(struct maqet_opened *machine, const struct maqet_drive *drive)
{
    struct maqet_overlays *overlays = drive->overlays;
    uint64_t id = overlays->prepared;

    if (id == 0)
        return;
    maqet_overlay_qemu_close(machine, drive, id);
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
    if (maqet_overlay_qemu_depth(nodes, drive, id) > 0)
        return maqet_overlay_nodes_adopt(drive, err);
    drop_prepared(machine, drive);
    return 0;
}

static int
settle_running(struct maqet_opened *machine, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ char *id = maqet_overlay_qemu_job(drive);

    if (overlays->merging_above > 0 && maqet_block_job_cancel(machine, id, err) < 0)
        return -1;
    /* Only with all that they stand on does QEMU say how deep they stand (QEMU:
     * bdrv_block_device_info() in block/qapi.c). */
    _cleanup_json_ json_object *nodes = maqet_monitor_ask(
        machine, "query-named-block-nodes",
        maqet_json_object("flat", json_object_new_boolean(false), NULL), err);
    if (!nodes || (overlays->merging_above > 0 &&
                   maqet_overlay_qemu_settle_merging(machine, drive, nodes, err) < 0))
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
    if ((overlays->prepared > 0 && maqet_overlay_nodes_adopt(drive, err) < 0) ||
        maqet_overlay_nodes_refreeze(drive, err) < 0)
        return -1;
    /* What was not in the tree yet when a command was killed. */
    maqet_overlay_files_sweep(overlays);
    return 0;
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
        maqet_overlay_qemu_error(machine, drive, &error);
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
    const struct maqet_hotplug hotplug = {.qmp = qmp,
                                          .args = args,
                                          .timeout = MAQET_OVERLAY_TIMEOUT,
                                          .stays_writable = true};
    /* By its name, if QEMU may open files in the folder: it can then reopen it in any way. */
    if (maqet_hotplug_add(&hotplug, NULL) == 0)
        return 0;
    if (maqet_hotplug_pass_files(&hotplug, mark, accept_file, NULL, err) == 0 &&
        maqet_hotplug_add(&hotplug, err) == 0)
        return 0;
    return maqet_overlay_qemu_error(machine, drive, err);
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
    /* Storage that is no file of this host may serve QEMU alone: only QEMU knows how large it is. */
    if ((overlays->top == 0 && maqet_overlay_is_elsewhere(drive) &&
         maqet_monitor_drive_size(machine, drive, &overlays->nodes[0].size, err) < 0) ||
        maqet_overlay_nodes_put(drive, overlays->top, &id, err) < 0)
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
