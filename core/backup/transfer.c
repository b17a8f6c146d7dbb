/* SPDX-License-Identifier: MIT */
#include "core/backup/transfer.h"

#include <string.h>

#include "core/machine/bitmaps.h"
#include "core/backup/target.h"
#include "core/base/json.h"
#include "core/machine/monitor.h"
#include "core/snapshot/quiesce.h"
#include "core/storage/entry.h"

/* ms for which the guest's file systems stay frozen at most. */
static const int64_t HOLD_TIMEOUT = 30000;

void
maqet_transfer_clear(struct maqet_transfer *transfer)
{
    for (size_t i = 0; i < transfer->count; i++) {
        maqet_drive_free(transfer->items[i].target);
        maqet_base_clear(&transfer->items[i].base);
        free(transfer->items[i].last);
    }
    free(transfer->items);
    transfer->items = NULL;
    transfer->count = 0;
}

static char *
new_bitmap(const struct maqet_transfer *transfer, const struct maqet_drive *drive)
{
    return maqet_bitmap_name(transfer->site->chain, transfer->id, drive->name);
}

/* ---- what an image stands on ---- */

static bool
is_same(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : !one && !other;
}

/* *why gets the reason for a full image although an increment is wanted. */
static int
decide(struct maqet_transfer *transfer, struct maqet_transferred *item, uint64_t size,
       json_object *nodes, char **why, struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;
    const char *node = maqet_drive_node(drive);
    _cleanup_free_ char *bitmap = new_bitmap(transfer, drive);
    _cleanup_free_ char *below = maqet_site_below(drive);

    item->last = maqet_site_last_bitmap(transfer->site, drive->name);
    if (transfer->incremental &&
        maqet_site_find_base(transfer->site, drive, size, &item->base, why, err) < 0)
        return -1;
    bool excluded = maqet_bitmap_is_excluded(nodes, node);
    maqet_bitmaps_sweep(transfer->machine, nodes, node, transfer->site->chain,
                        excluded ? NULL : item->last);
    /* What is written before the copy begins is recorded, too, and copied once more next time.
     */
    bool records = !excluded && maqet_bitmap_add(transfer->machine, node, bitmap);
    if (!item->base.id)
        return 0;
    if (!records && !excluded)
        *why = maqet_strdup("its image cannot store what is written to it");
    else if (maqet_bitmap_is_usable(nodes, node, item->base.bitmap, why) &&
             !is_same(item->base.below, below))
        *why = maqet_strdup("the images that it stands on have changed since the last "
                            "backup");
    if (*why)
        maqet_base_clear(&item->base);
    return 0;
}

/* ---- the images ---- */

static int
create_target(struct maqet_transfer *transfer, struct maqet_transferred *item,
              const struct maqet_backup_drive *row, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", transfer->folder, row->file);
    const struct maqet_target_base base = {.name = item->base.name,
                                           .type = item->base.format};

    item->target = maqet_target_create(item->drive, path, row->virtual_size,
                                       item->base.id ? &base : NULL, err);
    return item->target ? maqet_target_open(transfer->machine, item->target, err) : -1;
}

static int
prepare_one(struct maqet_transfer *transfer, const struct maqet_drive *drive,
            json_object *nodes, struct maqet_backup *backup, struct maqet_error **err)
{
    struct maqet_transferred *item = MAQET_APPEND(transfer->items, transfer->count);
    const char *type = maqet_target_type(drive);
    _cleanup_free_ char *why = NULL;
    uint64_t size = 0;

    item->drive = drive;
    if (maqet_target_size(transfer->machine, drive, nodes, &size, err) < 0 ||
        decide(transfer, item, size, nodes, &why, err) < 0)
        return -1;
    struct maqet_backup_drive *row = MAQET_APPEND(backup->drives, backup->drive_count);
    *row = (struct maqet_backup_drive){
        .name = maqet_strdup(drive->name),
        .type = maqet_strdup(drive->image_storage ? drive->image_storage->plugin.name
                                                  : drive->storage->plugin.name),
        .format = maqet_strdup(type),
        .file = maqet_format("%s.%s", drive->name, type),
        .incremental = item->base.id != NULL,
        .base = maqet_strdup(item->base.id),
        .why = TAKE_PTR(why),
        .below = maqet_site_below(drive),
        .virtual_size = size,
    };
    return create_target(transfer, item, row, err);
}

int
maqet_transfer_prepare(struct maqet_transfer *transfer,
                       const struct maqet_backup_choice *choice,
                       struct maqet_backup *backup, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(transfer->machine, err);

    for (size_t i = 0; nodes && i < choice->count; i++)
        if (prepare_one(transfer, choice->drives[i], nodes, backup, err) < 0)
            return -1;
    return nodes ? 0 : -1;
}

/* ---- copying ---- */

/* What a job does; a failure of the disk that is written to ends the job, and no more. */
static json_object *
action_for(const struct maqet_transfer *transfer, const struct maqet_transferred *item)
{
    _cleanup_free_ char *node = maqet_target_node(item->drive->name);
    const char *bitmap = item->base.bitmap;
    json_object *data = maqet_json_object(
        "job-id", json_object_new_string(node), "device",
        json_object_new_string(maqet_drive_node(item->drive)), "target",
        json_object_new_string(node), "sync",
        json_object_new_string(bitmap ? "bitmap" : "full"), "bitmap",
        bitmap ? json_object_new_string(bitmap) : NULL, "bitmap-mode",
        bitmap ? json_object_new_string("never") : NULL, "compress",
        json_object_new_boolean(transfer->compress), "on-source-error",
        json_object_new_string("report"), "on-target-error",
        json_object_new_string("report"), "speed", json_object_new_int64(transfer->speed),
        "auto-dismiss", json_object_new_boolean(false), NULL);

    return maqet_json_object("type", json_object_new_string("blockdev-backup"), "data",
                             data, NULL);
}

/* All jobs begin at one moment. */
static int
begin_jobs(struct maqet_transfer *transfer, struct maqet_error **err)
{
    json_object *actions = json_object_new_array();

    for (size_t i = 0; i < transfer->count; i++)
        json_object_array_add(actions, action_for(transfer, &transfer->items[i]));
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(transfer->machine, "transaction",
                           maqet_json_object("actions", actions, NULL), err);
    return answer ? 0 : -1;
}

static int
begin_quiesced(struct maqet_transfer *transfer, struct maqet_error **err)
{
    struct maqet_opened *machine = transfer->machine;
    struct maqet_error *reason = NULL;
    bool held;
    struct maqet_quiesce *quiesce =
        maqet_quiesce_begin(machine->run.dir_fd, machine->name, machine->run.pidfd,
                            transfer->freeze_timeout, HOLD_TIMEOUT, err);

    if (!quiesce)
        return -1;
    int result = begin_jobs(transfer, err);
    int thawed = maqet_quiesce_end(quiesce, &held, result < 0 ? &reason : err);
    maqet_error_free(reason);
    if (result < 0 || thawed < 0)
        return -1;
    return held ? 0
                : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                  "VM '%s': its file systems did not stay frozen until "
                                  "the backup had begun",
                                  machine->name);
}

int
maqet_transfer_run(struct maqet_transfer *transfer, struct maqet_error **err)
{
    int result = transfer->freeze_timeout < 0 ? begin_jobs(transfer, err)
                                              : begin_quiesced(transfer, err);
    const struct maqet_target_words words = {
        .done = "backed up", .noun = "backup", .folder = transfer->site->folder};

    for (size_t i = 0; result == 0 && i < transfer->count; i++)
        result = maqet_target_wait(transfer->machine, transfer->items[i].drive->name,
                                   &words, err);
    for (size_t i = 0; result == 0 && i < transfer->count; i++)
        result =
            maqet_target_close(transfer->machine, transfer->items[i].drive->name, err);
    return result;
}

void
maqet_transfer_settle(struct maqet_transfer *transfer)
{
    for (size_t i = 0; i < transfer->count; i++)
        if (transfer->items[i].last)
            maqet_bitmap_remove(transfer->machine,
                                maqet_drive_node(transfer->items[i].drive),
                                transfer->items[i].last);
}
