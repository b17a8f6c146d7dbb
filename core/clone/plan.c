/* SPDX-License-Identifier: MIT */
#include "core/clone/plan.h"

#include <string.h>

#include "core/machine/holders.h"
#include "core/machine/run.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"
#include "core/storage/blank.h"
#include "core/storage/image.h"
#include "core/storage/keys.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_elsewhere.h"

static const char *const chain_keys[] = {MAQET_KEY_BACKING_FILE,
                                         MAQET_KEY_BACKING_FORMAT};

void
maqet_clone_plan_clear(struct maqet_clone_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        maqet_snapshots_clear(&plan->drives[i].snapshots);
        if (plan->drives[i].blank)
            maqet_blank_clear(plan->drives[i].blank);
        free(plan->drives[i].blank);
    }
    free(plan->drives);
    *plan = (struct maqet_clone_plan){0};
}

/* ---- one drive ---- */

/* Whether both may have it: a share, what is made for each start, or what is only read. */
static bool
is_shared(const struct maqet_drive *drive)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    return !plugin->interface || plugin->creation == MAQET_CREATION_EACH_START ||
           maqet_drive_readonly(drive) || maqet_drive_empty(drive);
}

/* Whether the clone's drive can be an overlay on one of its nodes. *why (may be NULL): why not. */
static bool
is_linkable(const struct maqet_drive *drive, const char **why)
{
    const char *unused;

    if (!why)
        why = &unused;
    *why = "its snapshots are no overlays";
    if (!drive->overlays)
        return false;
    *why = "it is not a file of this host, so another VM's image cannot name it";
    if (!drive->path)
        return false;
    const struct maqet_storage *storage =
        maqet_storage_load(drive->context, drive->overlays->type, NULL);
    *why = "the type of its overlays has no keys for a backing chain";
    if (!storage)
        return false;
    for (size_t i = 0; i < sizeof(chain_keys) / sizeof(*chain_keys); i++)
        if (!maqet_options_row(storage->plugin.options, chain_keys[i]))
            return false;
    return true;
}

/* Whether its snapshots can be read while its machine runs. */
static bool
is_read_live(const struct maqet_drive *drive)
{
    return drive->storage->plugin.flags & MAQET_STORAGE_LIVE_READ;
}

static int
error_elsewhere(const struct maqet_drive *drive, enum maqet_clone_way way,
                struct maqet_error **err)
{
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "it is not a file of this host, so it cannot be determined where "
                      "that of a clone would be");
    if (way == MAQET_CLONE_EACH && is_read_live(drive))
        maqet_error_hint(err, "A fork that is discarded needs no image of its own");
    maqet_error_hint(err, "Detach it before, and attach others to both VMs afterwards");
    return -1;
}

static int
choose_part(struct maqet_clone_drive *item, enum maqet_clone_way way,
            struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;
    struct maqet_image_state state;

    item->part = MAQET_PART_SHARED;
    if (maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    if (is_shared(drive))
        return 0;
    if (!drive->storage->plugin.path_option && way == MAQET_CLONE_SHOWN) {
        item->part = MAQET_PART_COPIED;
        return 0;
    }
    if (!drive->storage->plugin.path_option && way == MAQET_CLONE_DISCARDED &&
        is_read_live(drive)) {
        item->part = MAQET_PART_SHOWN;
        return 0;
    }
    if (!drive->storage->plugin.path_option)
        return error_elsewhere(drive, way, err);
    if (maqet_image_inspect(drive, &state, err) < 0)
        return -1;
    if (!state.exists && maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    item->part = state.exists ? MAQET_PART_COPIED : MAQET_PART_LATER;
    return 0;
}

/* ---- what it begins with ---- */

static int
error_no_snapshot(const struct maqet_drive *drive, const char *name,
                  struct maqet_error **err)
{
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                             "there is no snapshot '%s'", name);
}

static int
choose_snapshot(struct maqet_clone_drive *item, const char *name,
                struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;

    if (drive->overlays) {
        const struct maqet_overlay *node = maqet_overlays_find(drive->overlays, name);

        if (!node)
            return error_no_snapshot(drive, name, err);
        item->from.of = MAQET_COPY_NODE;
        item->from.node = node->id;
        return maqet_overlay_check_below(drive, node->id, err);
    }
    if (!maqet_drive_has_snapshots(drive))
        return maqet_drive_error_no_snapshots(drive, err);
    if (maqet_drive_snapshots_read(drive, &item->snapshots, err) < 0)
        return -1;
    item->from.of = MAQET_COPY_SNAPSHOT;
    item->from.snapshot = maqet_snapshots_find(&item->snapshots, name, NULL);
    return item->from.snapshot ? 0 : error_no_snapshot(drive, name, err);
}

/* The present state; while the guest writes to the image, it has no such state. */
static int
choose_present(const struct maqet_session *session, struct maqet_clone_drive *item,
               struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;
    const char *vm = session->machine->name;

    item->cut = drive->overlays;
    item->from.of = drive->overlays ? MAQET_COPY_NODE : MAQET_COPY_DRIVE;
    if (drive->overlays)
        return maqet_overlay_check_below(drive, drive->overlays->top, err);
    if (session->machine->run.pid == 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "the VM is running and writes to it, and it has no overlays, of "
                      "which one could be frozen");
    maqet_error_next(err, MAQET_NEXT_STOP_FIRST, vm, NULL);
    return maqet_error_next(err, MAQET_NEXT_CLONE_SNAPSHOT, vm, NULL);
}

/* ---- all of them ---- */

static int
error_not_linkable(const struct maqet_drive *drive, const char *why,
                   struct maqet_error **err)
{
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "it cannot be linked: %s", why);
    maqet_error_hint(err, "Say `snapshots: overlay` in the definition of the drive");
    return maqet_error_next(err, MAQET_NEXT_CLONE_FULL, NULL);
}

/* @several: so will others be. */
static void
link_drive(struct maqet_clone_drive *item, bool several)
{
    item->part = MAQET_PART_LINKED;
    if (!several)
        return;
    item->blank = maqet_alloc(sizeof(*item->blank));
    *item->blank = (struct maqet_blank)MAQET_BLANK_INIT;
}

/* Links the drives that have an image, unless one of them cannot be. The variables of UEFI
 * are always copied. */
static int
choose_way(struct maqet_clone_plan *plan, enum maqet_clone_way way,
           struct maqet_error **err)
{
    size_t count = 0;
    bool all = true;

    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_clone_drive *item = &plan->drives[i];
        const char *why;

        if (item->part != MAQET_PART_COPIED || item->drive->template)
            continue;
        count++;
        if (is_linkable(item->drive, &why))
            continue;
        if (way == MAQET_CLONE_LINKED)
            return error_not_linkable(item->drive, why, err);
        all = false;
    }
    plan->linked = way != MAQET_CLONE_FULL && all && count > 0;
    bool each = way == MAQET_CLONE_EACH || way == MAQET_CLONE_SHOWN ||
                way == MAQET_CLONE_DISCARDED;
    for (size_t i = 0; (plan->linked || each) && i < plan->count; i++) {
        struct maqet_clone_drive *item = &plan->drives[i];

        if (item->part != MAQET_PART_COPIED || item->drive->template)
            continue;
        if (is_linkable(item->drive, NULL))
            link_drive(item, way != MAQET_CLONE_SHOWN && each);
        else if (way == MAQET_CLONE_DISCARDED && is_read_live(item->drive))
            item->part = MAQET_PART_SHOWN;
    }
    return 0;
}

int
maqet_clone_plan_make(struct maqet_session *session, const char *snapshot,
                      enum maqet_clone_way way, struct maqet_clone_plan *plan,
                      struct maqet_error **err)
{
    const struct maqet_vm *vm = session->machine->vm;

    plan->drives = maqet_alloc((vm->drive_count + 1) * sizeof(*plan->drives));
    plan->count = vm->drive_count;
    for (size_t i = 0; i < plan->count; i++) {
        plan->drives[i].drive = plan->drives[i].from.drive = vm->drives[i];
        if (choose_part(&plan->drives[i], way, err) < 0)
            return -1;
    }
    if (choose_way(plan, way, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->count; i++) {
        struct maqet_clone_drive *item = &plan->drives[i];

        if (item->part == MAQET_PART_SHARED || item->part == MAQET_PART_LATER)
            continue;
        if ((snapshot ? choose_snapshot(item, snapshot, err)
                      : choose_present(session, item, err)) < 0)
            return -1;
    }
    return 0;
}

/* ---- freezing ---- */

/* All at one moment, while QEMU runs. */
static int
cut_live(struct maqet_session *session, const struct maqet_strings *drives,
         struct maqet_error **err)
{
    if (maqet_members_read(session, drives, err) < 0 ||
        maqet_steps_prepare(session, NULL, err) < 0)
        return -1;
    int result = maqet_steps_transact(session, "clone", err);
    return maqet_steps_finish(session, result, err);
}

int
maqet_clone_plan_cut(struct maqet_session *session, struct maqet_clone_plan *plan,
                     struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    bool runs = session->machine->run.pid > 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct maqet_clone_drive *item = &plan->drives[i];

        if (!item->cut)
            continue;
        item->from.node = item->drive->overlays->top;
        maqet_strings_add(&drives, item->drive->name);
        if (!runs && maqet_holders_check_top(session->machine->vm, item->drive, err) < 0)
            return -1;
        if (!runs && maqet_overlay_nodes_cut(item->drive, &item->from.node, err) < 0)
            return maqet_error_wrap(err, "VM '%s', drive '%s'", session->machine->name,
                                    item->drive->name);
    }
    return runs && drives.count > 0 ? cut_live(session, &drives, err) : 0;
}
