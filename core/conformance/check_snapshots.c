/* SPDX-License-Identifier: MIT */
/*
 * check_snapshots.c - what a snapshot is for: the data that was there is there again. The
 * data is written and read by qemu-io, through the node that the plugin itself emits.
 */
#include <string.h>

#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/plugin/host.h"
#include "core/qemu/objects.h"
#include "core/storage/snapshots.h"

static const char offline_name[] = "check-1.a";
static const char live_name[] = "check-live";

/* ---- data ---- */

/* Runs one command of qemu-io's on the drive. */
static int
run_io(struct bench *bench, const struct maqet_drive *drive, const char *words,
       struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-io");

    maqet_command_arg(command, "-c");
    maqet_command_arg(command, "%s", words);
    bench_doing(bench, "emit_args");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    _cleanup_free_ char *said = maqet_command_output(command, err);
    if (!said)
        return -1;
    return strstr(said, "verification failed")
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "its data is another one")
               : 0;
}

static int
write_data(struct bench *bench, const struct maqet_drive *drive, int pattern,
           struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_format("write -P %d 64k 128k", pattern);

    return run_io(bench, drive, words, err) < 0
               ? maqet_error_wrap(err, "Writing through what emit_args says")
               : 0;
}

static int
read_data(struct bench *bench, const struct maqet_drive *drive, int pattern,
          struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_format("read -P %d 64k 128k", pattern);

    return run_io(bench, drive, words, err);
}

/* What can't be tried is no fault. */
static bool
possible(struct bench *bench)
{
    _cleanup_free_ char *io = maqet_process_find("qemu-io");

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
    if (read_data(bench, drive, pattern, &reason) < 0)
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
    return !found || maqet_drive_snapshot_remove(drive, found, err) < 0
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
    if (write_data(bench, drive, 1, err) < 0)
        return -1;
    bench_doing(bench, "snapshot.create");
    if (maqet_drive_snapshot_create(drive, offline_name, err) < 0 ||
        write_data(bench, drive, 2, err) < 0 || rename_and_back(bench, drive, err) < 0 ||
        load_and_read(bench, drive, offline_name, 1, err) < 0)
        return -1;
    /* A snapshot serves more than once. */
    if (write_data(bench, drive, 3, err) < 0 ||
        load_and_read(bench, drive, offline_name, 1, err) < 0)
        return -1;
    return remove_offline(bench, drive, offline_name, err) < 0
               ? -1
               : read_data(bench, drive, 1, err);
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

/* ---- live ---- */

/* All that one drive wants, in one transaction. */
static int
create_live(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    const struct maqet_drive *drive = machine->vm->drives[0];
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();
    json_object *list = json_object_new_array(), *arguments = json_object_new_object();

    json_object_object_add(arguments, "actions", list);
    bench_doing(bench, "snapshot.live_create");
    if (maqet_drive_judge_actions(
            drive, actions, "live_create",
            drive->storage->snapshot.live_create(drive, live_name, actions, err),
            err) < 0) {
        json_object_put(arguments);
        return -1;
    }
    for (size_t i = 0; i < maqet_actions_count(actions); i++) {
        json_object *action = json_object_new_object();

        json_object_object_add(action, "type",
                               json_object_new_string(maqet_actions_name(actions, i)));
        json_object_object_add(action, "data", maqet_actions_arguments(actions, i));
        json_object_array_add(list, action);
    }
    bench_doing(bench, "QEMU's transaction");
    return machine_tell(machine, "transaction", arguments, err) < 0
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
    for (size_t i = 0; i < maqet_actions_count(actions); i++)
        if (machine_tell(machine, maqet_actions_name(actions, i),
                         maqet_actions_arguments(actions, i), err) < 0)
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
        write_data(bench, machine.vm->drives[0], 1, err) < 0 ||
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
    if (write_data(bench, drive, 2, err) < 0 ||
        load_and_read(bench, drive, live_name, 1, err) < 0)
        return -1;
    if (!drive->storage->snapshot.live_remove)
        return remove_offline(bench, drive, live_name, err);
    if (machine_run(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0)
        return -1;
    return remove_live(bench, &machine, err);
}

/* ---- resize ---- */

int
check_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive =
        bench_drive(bench, "disk", NULL, BENCH_SIZE, err);
    _cleanup_free_ char *io = maqet_process_find("qemu-io");
    struct maqet_image_state state;
    const uint64_t wanted = 2 * BENCH_SIZE;

    if (!drive)
        return -1;
    if (!drive->storage->plugin.resize || !bench_has_path(bench) ||
        !bench_has_size(bench))
        return bench_skip(bench, "its drives have one size for ever");
    if (bench_prepare(bench, drive, err) < 0 ||
        (io && write_data(bench, drive, 5, err) < 0))
        return -1;
    bench_doing(bench, "resize");
    if (maqet_drive_judge(drive, bench->name, "resize",
                          drive->storage->plugin.resize(drive, wanted, err), err) < 0)
        return -1;
    if (maqet_image_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "After resize");
    if (state.virtual_size != 0 && state.virtual_size / 512 != wanted / 512)
        return bench_fail(err, "Resize to the bytes that are given, or return -1",
                          "resize says that all is well, and the drive has %llu bytes "
                          "instead of %llu",
                          (unsigned long long)state.virtual_size,
                          (unsigned long long)wanted);
    return io && read_data(bench, drive, 5, err) < 0
               ? maqet_error_wrap(err, "After resize")
               : 0;
}
