/* SPDX-License-Identifier: MIT */
/*
 * check_data.c - the data of a drive: snapshots restore it, and resizing keeps it.
 * qemu-io writes and reads it at one place of the disk, through the node that the plugin
 * emits.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/machine/monitor.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/snapshots.h"

/* ---- data ---- */

/* A qemu-io that fills the place with a byte ("write"), or expects it there ("read"). */
static struct maqet_command *
io_command(const char *what, int pattern)
{
    struct maqet_command *command = maqet_command_new("qemu-io");

    maqet_command_arg(command, "-c");
    maqet_command_arg(command, "%s -P %d 64k 128k", what, pattern);
    return command;
}

/* Runs it and frees the command. Fails if it does not find what it expects. */
static int
finish_io(struct maqet_command *command, struct maqet_error **err)
{
    _cleanup_free_ char *output = maqet_command_output(command, NULL, err);

    if (!output)
        return -1;
    return strstr(output, "verification failed")
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "its data is different")
               : 0;
}

static int
run_io(struct bench *bench, const char *what, int pattern, struct maqet_error **err)
{
    struct maqet_command *command = io_command(what, pattern);

    if (maqet_command_image(command, bench->drive, err) == 0)
        return finish_io(command, err);
    maqet_command_free(command);
    return -1;
}

static int
write_data(struct bench *bench, int pattern, struct maqet_error **err)
{
    return run_io(bench, "write", pattern, err) < 0
               ? maqet_error_wrap(err, "Writing through what emit_args emits")
               : 0;
}

/* Reads from an NBD server at a unix socket. */
static int
read_served_data(const char *socket, int pattern, struct maqet_error **err)
{
    struct maqet_command *command = io_command("read", pattern);
    _cleanup_free_ char *path = maqet_text_double_commas(socket);

    maqet_command_arg(command, "-r");
    maqet_command_arg(command, "--image-opts");
    maqet_command_arg(command, "driver=nbd,server.type=unix,server.path=%s", path);
    return finish_io(command, err);
}

/* ---- snapshots ---- */

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
    if (run_io(bench, "read", pattern, &reason) < 0)
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
    if (bench_prepare(bench->drive, err) < 0 || write_data(bench, 1, err) < 0)
        return -1;
    return maqet_drive_snapshot_create(bench->drive, offline_name, NULL, err) < 0
               ? -1
               : write_data(bench, 2, err);
}

static int
check_snapshots(struct bench *bench, struct maqet_error **err)
{
    if (create_offline(bench, err) < 0 || rename_and_back(bench, err) < 0 ||
        load_and_read(bench, offline_name, 1, err) < 0)
        return -1;
    /* A snapshot can be loaded more than once. */
    if (write_data(bench, 3, err) < 0 || load_and_read(bench, offline_name, 1, err) < 0)
        return -1;
    return remove_offline(bench, offline_name, err) < 0 ? -1
                                                        : run_io(bench, "read", 1, err);
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
    int result = read_served_data(socket, 1, &reason);
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
    return !found || read_served(bench, found, err) < 0 ? -1
                                                        : run_io(bench, "read", 2, err);
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

    if (bench_prepare(bench->drive, err) < 0 || write_data(bench, 1, err) < 0)
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
    if (write_data(bench, 2, err) < 0 || load_and_read(bench, live_name, 1, err) < 0)
        return -1;
    return bench->storage->snapshot.live_remove ? remove_live(bench, err)
                                                : remove_offline(bench, live_name, err);
}

/* ---- resizing ---- */

/* Twice as large. A service may have kept what an earlier check has enlarged. */
static uint64_t
larger(uint64_t bytes)
{
    return 2 * (bytes > BENCH_SIZE ? bytes : BENCH_SIZE);
}

static int
check_resize(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    _cleanup_free_ char *no_io = bench_lack(bench, NEEDS_QEMU_IO);
    struct maqet_image_state state;

    if (bench_prepare(drive, err) < 0 || (!no_io && write_data(bench, 5, err) < 0) ||
        maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    const uint64_t wanted = larger(state.virtual_size);
    if (maqet_storage_resize(drive, wanted, err) < 0)
        return -1;
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "After resize");
    if (state.virtual_size != 0 && state.virtual_size / 512 != wanted / 512)
        return bench_fail(err, "Resize to the given number of bytes, or return -1",
                          "resize reports success, and the drive has %" PRIu64
                          " bytes instead of %" PRIu64,
                          state.virtual_size, wanted);
    return !no_io && run_io(bench, "read", 5, err) < 0
               ? maqet_error_wrap(err, "After resize")
               : 0;
}

/* Bytes that the drive has according to QEMU; 0: not known. */
static int64_t
size_in_qemu(const struct bench *bench, struct maqet_opened *machine)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, NULL);
    json_object *node = maqet_monitor_find_node(nodes, maqet_drive_node(bench->drive));

    return maqet_json_int(json_object_object_get(node, "image"), "virtual-size");
}

static int
check_live_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (!machine)
        return -1;
    const uint64_t wanted = larger((uint64_t)size_in_qemu(bench, machine));
    if (maqet_storage_live_resize(bench->drive, wanted, actions, err) < 0)
        return -1;
    if (maqet_monitor_run_actions(machine, actions, err) < 0)
        return maqet_error_wrap(err, "QEMU refuses what live_resize appends");
    int64_t is = size_in_qemu(bench, machine);
    return is == (int64_t)wanted
               ? 0
               : bench_fail(
                     err, "Append a command that grows the drive's own node",
                     "QEMU runs what live_resize appends, and the drive has %" PRId64
                     " bytes instead of %" PRIu64,
                     is, wanted);
}

enum {
    NEEDS_DATA = NEEDS_DRIVE | NEEDS_THERE | NEEDS_SNAPSHOTS | NEEDS_QEMU_IO,
    NEEDS_GROWTH = NEEDS_DRIVE | NEEDS_THERE,
};

const struct check checks_of_data[] = {
    {"snapshots", OF_STORAGE, NEEDS_DATA, 60, check_snapshots,
     "A snapshot is created, listed, loaded with its data, and deleted"},
    {"live-snapshots", OF_STORAGE, NEEDS_DATA | NEEDS_LIVE_CREATE | NEEDS_QEMU, 90,
     check_live_snapshots, "The same while QEMU has the image"},
    {"served-snapshots", OF_STORAGE, NEEDS_DATA | NEEDS_SERVE, 60, check_served,
     "What readers get is the data of the snapshot"},
    {"resize", OF_STORAGE, NEEDS_GROWTH | NEEDS_RESIZE, 30, check_resize,
     "resize gives the drive the size that it is told, and keeps its data"},
    {"live-resize", OF_STORAGE, NEEDS_GROWTH | NEEDS_LIVE_RESIZE | NEEDS_QEMU, 60,
     check_live_resize, "The same while QEMU has the image"},
    {0},
};
