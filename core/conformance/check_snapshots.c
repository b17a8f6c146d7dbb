/* SPDX-License-Identifier: MIT */
/*
 * check_snapshots.c - snapshots of a drive: they restore its data.
 */
#include <string.h>

#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/conformance/data.h"
#include "core/conformance/machine.h"
#include "core/machine/monitor.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/snapshots.h"

/* ---- one snapshot ---- */

static const char offline_name[] = "check-1.a";
static const char live_name[] = "check-live";

/* The snapshot of that name in the plugin's list. NULL on error. */
static const struct maqet_snapshot *
find_snapshot(struct bench *bench, struct maqet_snapshots *snapshots, const char *name,
              struct maqet_error **err)
{
    bool more = false;

    if (maqet_drive_snapshots_read(bench->drive, snapshots, err) < 0)
        return NULL;
    const struct maqet_snapshot *found = maqet_snapshots_find(snapshots, name, &more);
    if (found && !more)
        return found;
    bench_fail(err, "Report each with maqet_snapshots_add(), under its own name",
               "snapshot.list reports %s '%s'", found ? "more than one" : "no", name);
    return NULL;
}

static int
check_gone(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (maqet_drive_snapshots_read(bench->drive, &snapshots, err) < 0)
        return -1;
    return maqet_snapshots_find(&snapshots, name, NULL)
               ? bench_fail(err, "Delete it, or return -1 with an error",
                            "'%s' was deleted, and is still listed", name)
               : 0;
}

static int
load_and_read(struct bench *bench, const char *name, int pattern,
              struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;
    const struct maqet_snapshot *found = find_snapshot(bench, &snapshots, name, err);

    if (!found || maqet_drive_snapshot_load(bench->drive, found, err) < 0)
        return -1;
    if (data_read(bench, pattern, &reason) < 0)
        return bench_fail(
            err, "Return the image to the state of the snapshot",
            "snapshot.load reports success, and does not restore the data of "
            "'%s': %s",
            name, reason->message);
    return 0;
}

static int
remove_offline(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    const struct maqet_snapshot *found = find_snapshot(bench, &snapshots, name, err);

    return !found || maqet_drive_snapshot_remove(bench->drive, found, NULL, err) < 0
               ? -1
               : check_gone(bench, name, err);
}

/* The new name has the same number of bytes. */
static int
rename_and_back(struct bench *bench, struct maqet_error **err)
{
    const char *const names[] = {offline_name, "check-2.b", offline_name};

    if (!bench->storage->snapshot.rename)
        return 0;
    for (int i = 0; i < 2; i++) {
        _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
        const struct maqet_snapshot *found =
            find_snapshot(bench, &snapshots, names[i], err);

        if (!found ||
            maqet_drive_snapshot_rename(bench->drive, found, names[i + 1], err) < 0 ||
            check_gone(bench, names[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Creates a drive and a snapshot of it, and then changes its data. */
static int
create_offline(struct bench *bench, struct maqet_error **err)
{
    if (bench_prepare(bench->drive, err) < 0 || data_write(bench, 1, err) < 0)
        return -1;
    return maqet_drive_snapshot_create(bench->drive, offline_name, NULL, err) < 0
               ? -1
               : data_write(bench, 2, err);
}

static int
check_snapshots(struct bench *bench, struct maqet_error **err)
{
    if (create_offline(bench, err) < 0 || rename_and_back(bench, err) < 0 ||
        load_and_read(bench, offline_name, 1, err) < 0)
        return -1;
    /* A snapshot can be loaded more than once. */
    if (data_write(bench, 3, err) < 0 || load_and_read(bench, offline_name, 1, err) < 0)
        return -1;
    return remove_offline(bench, offline_name, err) < 0 ? -1 : data_read(bench, 1, err);
}

/* ---- several snapshots ---- */

enum { SEVERAL = 3 };
static const char *const several[SEVERAL] = {"first", "check-second", "third"};

/* The names in the list, in its order. NULL on error; the caller frees. */
static char *
names_listed(struct bench *bench, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_drive_snapshots_read(bench->drive, &snapshots, err) < 0)
        return NULL;
    for (size_t i = 0; i < snapshots.count; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(snapshots.items[i]->id, snapshots.items[j]->id) == 0) {
                bench_fail(err,
                           "Report the id by which the format tells each from all others",
                           "snapshot.list reports '%s' and '%s' with the same id '%s'",
                           snapshots.items[j]->name, snapshots.items[i]->name,
                           snapshots.items[i]->id);
                return NULL;
            }
        maqet_strings_add(&names, snapshots.items[i]->name);
    }
    return maqet_strings_join(&names, ", ");
}

/* Fails if the list is not as it should be, after @what. A service may have had some
 * before. */
static int
check_list(struct bench *bench, const char *before, size_t count, const char *what,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings wanted = MAQET_STRINGS_INIT;
    _cleanup_free_ char *listed = names_listed(bench, err);

    if (*before)
        maqet_strings_add(&wanted, before);
    for (size_t i = 0; i < count; i++)
        maqet_strings_add(&wanted, several[i]);
    _cleanup_free_ char *names = maqet_strings_join(&wanted, ", ");
    if (listed && strcmp(listed, names) != 0)
        return bench_fail(err, "Report what is there, the oldest first, and nothing else",
                          "%s, snapshot.list reports '%s' instead of '%s'", what, listed,
                          names);
    return listed ? 0 : -1;
}

/* Each has data of its own. */
static int
create_several(struct bench *bench, const char *before, struct maqet_error **err)
{
    for (int i = 0; i < SEVERAL; i++) {
        if (data_write(bench, i + 1, err) < 0 ||
            maqet_drive_snapshot_create(bench->drive, several[i], NULL, err) < 0 ||
            check_list(bench, before, (size_t)i + 1, "After a snapshot was created",
                       err) < 0)
            return -1;
    }
    return data_write(bench, SEVERAL + 1, err);
}

/* Loads them in each order, which shows one that is always, or never, loaded. */
static int
check_orders(struct bench *bench, struct maqet_error **err)
{
    static const int orders[][SEVERAL] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    if (bench_prepare(bench->drive, err) < 0)
        return -1;
    _cleanup_free_ char *before = names_listed(bench, err);
    if (!before)
        return -1;
    if (bench->drive->path && *before)
        return bench_fail(err, "Report only what is there",
                          "snapshot.list reports '%s' in a new image", before);
    if (create_several(bench, before, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
        for (int j = 0; j < SEVERAL; j++)
            if (load_and_read(bench, several[orders[i][j]], orders[i][j] + 1, err) < 0 ||
                check_list(bench, before, SEVERAL, "After a snapshot was loaded", err) <
                    0)
                return -1;
    /* That in the middle goes, and the others stay what they are. */
    return remove_offline(bench, several[1], err) < 0 ||
                   load_and_read(bench, several[2], 3, err) < 0 ||
                   load_and_read(bench, several[0], 1, err) < 0
               ? -1
               : 0;
}

/* ---- a snapshot that is served ---- */

/* Reads a snapshot from the plugin's server. */
static int
read_served(struct bench *bench, const struct maqet_snapshot *snapshot,
            struct maqet_error **err)
{
    _cleanup_free_ char *socket = bench_path(bench, "serve.sock");
    struct maqet_process_server server = {.out = -1, .error = -1};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_drive_snapshot_serve(bench->drive, snapshot, socket, &server, err) < 0)
        return -1;
    int result = data_read_served(socket, 1, &reason);
    maqet_process_server_end(&server);
    return result == 0 ? 0
                       : bench_fail(err,
                                    "Serve the data of the snapshot, not the current "
                                    "data, as an NBD export without a name",
                                    "snapshot.serve does not serve the data of the "
                                    "snapshot: %s",
                                    reason->message);
}

static int
check_served(struct bench *bench, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (create_offline(bench, err) < 0)
        return -1;
    const struct maqet_snapshot *found =
        find_snapshot(bench, &snapshots, offline_name, err);
    return !found || read_served(bench, found, err) < 0 ? -1 : data_read(bench, 2, err);
}

/* ---- snapshots while QEMU runs ---- */

/* All actions of the drive, in one transaction. */
static int
create_live(const struct bench *bench, struct maqet_opened *machine,
            struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (maqet_storage_live_create(bench->drive, live_name, actions, err) < 0)
        return -1;
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        machine, "transaction", maqet_actions_transaction(actions), err);
    return answer ? 0 : maqet_error_wrap(err, "QEMU refuses what live_create appends");
}

/* Creates a snapshot while QEMU has the image open, and lists it. */
static int
create_and_list_live(struct bench *bench, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};

    if (bench_prepare(bench->drive, err) < 0 || data_write(bench, 1, err) < 0)
        return -1;
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    return machine && create_live(bench, machine, err) == 0 &&
                   find_snapshot(bench, &snapshots, live_name, err)
               ? 0
               : -1;
}

static int
remove_live(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    const struct maqet_snapshot *found =
        machine ? find_snapshot(bench, &snapshots, live_name, err) : NULL;

    if (!found || maqet_storage_live_remove(bench->drive, found, actions, err) < 0)
        return -1;
    return maqet_monitor_run_actions(machine, actions, err) < 0
               ? maqet_error_wrap(err, "QEMU refuses what live_remove appends")
               : check_gone(bench, live_name, err);
}

static int
check_live_snapshots(struct bench *bench, struct maqet_error **err)
{
    if (create_and_list_live(bench, err) < 0)
        return -1;
    /* Without QEMU it is a snapshot like any other. */
    if (data_write(bench, 2, err) < 0 || load_and_read(bench, live_name, 1, err) < 0)
        return -1;
    return bench->storage->snapshot.live_remove ? remove_live(bench, err)
                                                : remove_offline(bench, live_name, err);
}

enum { NEEDS_DATA = NEEDS_DRIVE | NEEDS_THERE | NEEDS_SNAPSHOTS | NEEDS_QEMU_IO };

const struct check checks_of_snapshots[] = {
    {"snapshots", OF_STORAGE, NEEDS_DATA, 60, check_snapshots,
     "A snapshot is created, listed, loaded with its data, and deleted"},
    {"several-snapshots", OF_STORAGE, NEEDS_DATA, 90, check_orders,
     "Of several snapshots, the one that is asked for is loaded or deleted, in any order, "
     "and exactly those that are there are listed"},
    {"live-snapshots", OF_STORAGE, NEEDS_DATA | NEEDS_LIVE_CREATE | NEEDS_QEMU, 90,
     check_live_snapshots,
     "A snapshot is created, listed and deleted while QEMU has the image"},
    {"served-snapshots", OF_STORAGE, NEEDS_DATA | NEEDS_SERVE, 60, check_served,
     "What readers get is the data of the snapshot"},
    {0},
};
