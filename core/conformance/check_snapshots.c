/* SPDX-License-Identifier: MIT */
/*
 * check_snapshots.c - what a snapshot is for: the data that was there is there again. The
 * data is written and read by qemu-io, through the node that the plugin itself emits.
 */
#include <string.h>

#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/conformance/data.h"
#include "core/conformance/machine.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/snapshots.h"

static const char offline_name[] = "check-1.a";
static const char live_name[] = "check-live";

/* What can't be tried is no fault. */
static bool
possible(struct bench *bench)
{
    bool io = data_possible();

    if (bench->storage->snapshot.size == 0)
        bench_skip(bench, "it has no snapshots");
    else if (!io)
        bench_skip(bench, "there is no qemu-io");
    return bench->storage->snapshot.size > 0 && io;
}

/* ---- offline ---- */

/* The snapshot of that name, by what the plugin lists. NULL on error. */
static const struct maqet_snapshot *
find(struct bench *bench, const struct maqet_drive *drive,
     struct maqet_snapshots *snapshots, const char *name, struct maqet_error **err)
{
    bool more = false;

    bench_doing(bench, "snapshot.list");
    if (maqet_drive_snapshots_read(drive, snapshots, err) < 0)
        return NULL;
    const struct maqet_snapshot *found = maqet_snapshots_find(snapshots, name, &more);
    if (!found || more) {
        bench_fail(err,
                   "Report each snapshot by maqet_snapshots_add(), with the name "
                   "that it was given",
                   "snapshot.list reports %s '%s'", found ? "more than one" : "no", name);
        return NULL;
    }
    return found;
}

static int
check_gone(struct bench *bench, const struct maqet_drive *drive, const char *name,
           struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    bench_doing(bench, "snapshot.list");
    if (maqet_drive_snapshots_read(drive, &snapshots, err) < 0)
        return -1;
    return maqet_snapshots_find(&snapshots, name, NULL)
               ? bench_fail(err, "Delete it, or return -1 with an error",
                            "'%s' was removed, and is still listed", name)
               : 0;
}

static int
load_and_read(struct bench *bench, const struct maqet_drive *drive, const char *name,
              int pattern, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;
    const struct maqet_snapshot *found = find(bench, drive, &snapshots, name, err);

    if (!found)
        return -1;
    bench_doing(bench, "snapshot.load");
    if (maqet_drive_snapshot_load(drive, found, err) < 0)
        return -1;
    if (data_read(bench, drive, pattern, &reason) < 0)
        return bench_fail(err, "The present state becomes that of the snapshot",
                          "snapshot.load says that all is well, and the data of '%s' is "
                          "not back: %s",
                          name, reason->message);
    return 0;
}

static int
remove_offline(struct bench *bench, const struct maqet_drive *drive, const char *name,
               struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    const struct maqet_snapshot *found = find(bench, drive, &snapshots, name, err);

    bench_doing(bench, "snapshot.remove");
    return !found || maqet_drive_snapshot_remove(drive, found, NULL, err) < 0
               ? -1
               : check_gone(bench, drive, name, err);
}

/* The name may be any, of as many bytes. */
static int
rename_and_back(struct bench *bench, const struct maqet_drive *drive,
                struct maqet_error **err)
{
    static const char other[] = "check-2.b";
    const char *const names[] = {offline_name, other, offline_name};

    if (!drive->storage->snapshot.rename)
        return 0;
    for (int i = 0; i < 2; i++) {
        _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
        const struct maqet_snapshot *found =
            find(bench, drive, &snapshots, names[i], err);

        bench_doing(bench, "snapshot.rename");
        if (!found || maqet_drive_snapshot_rename(drive, found, names[i + 1], err) < 0 ||
            check_gone(bench, drive, names[i], err) < 0)
            return -1;
    }
    return 0;
}

static int
round_trip(struct bench *bench, const struct maqet_drive *drive, struct maqet_error **err)
{
    if (data_write(bench, drive, 1, err) < 0)
        return -1;
    bench_doing(bench, "snapshot.create");
    if (maqet_drive_snapshot_create(drive, offline_name, NULL, err) < 0 ||
        data_write(bench, drive, 2, err) < 0 || rename_and_back(bench, drive, err) < 0 ||
        load_and_read(bench, drive, offline_name, 1, err) < 0)
        return -1;
    /* A snapshot serves more than once. */
    if (data_write(bench, drive, 3, err) < 0 ||
        load_and_read(bench, drive, offline_name, 1, err) < 0)
        return -1;
    return remove_offline(bench, drive, offline_name, err) < 0
               ? -1
               : data_read(bench, drive, 1, err);
}

int
check_snapshots(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive)
        return -1;
    if (!possible(bench))
        return 0;
    return bench_prepare(bench, drive, err) < 0 ? -1 : round_trip(bench, drive, err);
}

/* ---- offered to readers ---- */

/* Reads what a server of the plugin's offers. */
static int
read_served(struct bench *bench, const struct maqet_drive *drive,
            const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    _cleanup_free_ char *socket = bench_path(bench, "serve.sock");
    struct maqet_process_server server = {.out = -1, .error = -1};
    _cleanup_error_ struct maqet_error *reason = NULL;

    bench_doing(bench, "snapshot.serve");
    if (maqet_drive_snapshot_serve(drive, snapshot, socket, &server, err) < 0)
        return -1;
    int result = data_read_served(socket, 1, &reason);
    maqet_process_server_end(&server);
    return result == 0 ? 0
                       : bench_fail(err,
                                    "Offer what the snapshot holds, not what is there "
                                    "now, by the NBD protocol and without a name",
                                    "what snapshot.serve offers is not what the snapshot "
                                    "holds: %s",
                                    reason->message);
}

int
check_served(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (!drive)
        return -1;
    if (!possible(bench))
        return 0;
    if (!drive->storage->snapshot.serve)
        return bench_skip(bench, "it offers no snapshots to readers");
    if (bench_prepare(bench, drive, err) < 0 || data_write(bench, drive, 1, err) < 0 ||
        maqet_drive_snapshot_create(drive, offline_name, NULL, err) < 0 ||
        data_write(bench, drive, 2, err) < 0)
        return -1;
    const struct maqet_snapshot *found =
        find(bench, drive, &snapshots, offline_name, err);
    return !found || read_served(bench, drive, found, err) < 0
               ? -1
               : data_read(bench, drive, 2, err);
}

/* ---- live ---- */

/* All that one drive wants, in one transaction. */
static int
create_live(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    const struct maqet_drive *drive = machine->vm->drives[0];
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    bench_doing(bench, "snapshot.live_create");
    if (maqet_drive_judge_actions(
            drive, actions, "live_create",
            drive->storage->snapshot.live_create(drive, live_name, actions, err),
            err) < 0)
        return -1;
    bench_doing(bench, "QEMU's transaction");
    return machine_tell(machine, "transaction", maqet_actions_transaction(actions), err) <
                   0
               ? maqet_error_wrap(err, "QEMU refuses what live_create appends")
               : 0;
}

static int
remove_live(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    const struct maqet_drive *drive = machine->vm->drives[0];
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    const struct maqet_snapshot *found = find(bench, drive, &snapshots, live_name, err);

    if (!found)
        return -1;
    bench_doing(bench, "snapshot.live_remove");
    if (maqet_drive_judge_actions(
            drive, actions, "live_remove",
            drive->storage->snapshot.live_remove(drive, found, actions, err), err) < 0)
        return -1;
    for (size_t i = 0; i < actions->args.count; i++)
        if (machine_tell(machine, actions->args.objects[i]->id,
                         json_object_get(actions->args.objects[i]->json), err) < 0)
            return maqet_error_wrap(err, "QEMU refuses what live_remove appends");
    return check_gone(bench, drive, live_name, err);
}

/* With the QEMU that has the image: one is made, and listed. */
static int
make_live(struct bench *bench, json_object *entry, struct maqet_error **err)
{
    _cleanup_machine_ struct machine machine = MACHINE_INIT;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (machine_prepare(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0 ||
        data_write(bench, machine.vm->drives[0], 1, err) < 0 ||
        machine_start(bench, &machine, err) < 0)
        return -1;
    return create_live(bench, &machine, err) < 0 ||
                   !find(bench, machine.vm->drives[0], &snapshots, live_name, err)
               ? -1
               : 0;
}

int
check_live_snapshots(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_json_ json_object *entry = drive ? maqet_tree_copy(drive->tree) : NULL;
    _cleanup_machine_ struct machine machine = MACHINE_INIT;

    if (!drive)
        return -1;
    if (!possible(bench) || !machine_possible(bench))
        return 0;
    if (!drive->storage->snapshot.live_create)
        return bench_skip(bench, "it has no snapshots while QEMU runs");
    if (make_live(bench, entry, err) < 0)
        return -1;
    /* QEMU has ended; what it made is as good as any. */
    if (data_write(bench, drive, 2, err) < 0 ||
        load_and_read(bench, drive, live_name, 1, err) < 0)
        return -1;
    if (!drive->storage->snapshot.live_remove)
        return remove_offline(bench, drive, live_name, err);
    if (machine_run(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0)
        return -1;
    return remove_live(bench, &machine, err);
}
