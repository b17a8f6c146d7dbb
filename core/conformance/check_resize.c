/* SPDX-License-Identifier: MIT */
/*
 * check_resize.c - drives that grow, with and without a QEMU that has them.
 */
#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/data.h"
#include "core/conformance/machine.h"
#include "core/machine/monitor.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/elsewhere.h"

static const char unable[] = "its drives cannot be resized";

/* Twice as large; a service may have kept what an earlier check has made larger. */
static uint64_t
larger(uint64_t bytes)
{
    return 2 * (bytes > BENCH_SIZE ? bytes : BENCH_SIZE);
}

/* ---- offline ---- */

int
check_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive =
        bench_drive(bench, "disk", NULL, BENCH_SIZE, err);
    bool io = data_possible();
    struct maqet_image_state state;

    if (!drive)
        return -1;
    if (!drive->storage->plugin.resize || !bench_has_size(bench))
        return bench_skip(bench, "%s", unable);
    if (bench_prepare(bench, drive, err) < 0 ||
        (io && data_write(bench, drive, 5, err) < 0) ||
        maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    const uint64_t wanted = larger(state.virtual_size);
    bench_doing(bench, "resize");
    if (maqet_drive_judge(drive, bench->name, "resize",
                          drive->storage->plugin.resize(drive, wanted, err), err) < 0)
        return -1;
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "After resize");
    if (state.virtual_size != 0 && state.virtual_size / 512 != wanted / 512)
        return bench_fail(err, "Resize to the bytes that are given, or return -1",
                          "resize says that all is well, and the drive has %llu bytes "
                          "instead of %llu",
                          (unsigned long long)state.virtual_size,
                          (unsigned long long)wanted);
    return io && data_read(bench, drive, 5, err) < 0
               ? maqet_error_wrap(err, "After resize")
               : 0;
}

/* ---- live ---- */

/* What QEMU says of the size of a drive, in bytes; 0: nothing. */
static int64_t
size_in_qemu(struct machine *machine, const char *name)
{
    _cleanup_json_ json_object *list =
        machine_ask(machine, "query-named-block-nodes", NULL, NULL);
    json_object *node = maqet_monitor_find_node(list, name);

    return maqet_json_int(json_object_object_get(node, "image"), "virtual-size");
}

static int
resize_live(struct bench *bench, struct machine *machine, uint64_t wanted,
            struct maqet_error **err)
{
    const struct maqet_drive *drive = machine->vm->drives[0];
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    bench_doing(bench, "live_resize");
    if (maqet_drive_judge_actions(
            drive, actions, "live_resize",
            drive->storage->plugin.live_resize(drive, wanted, actions, err), err) < 0)
        return -1;
    for (size_t i = 0; i < actions->args.count; i++)
        if (machine_tell(machine, actions->args.objects[i]->id,
                         json_object_get(actions->args.objects[i]->json), err) < 0)
            return maqet_error_wrap(err, "QEMU refuses what live_resize appends");
    int64_t is = size_in_qemu(machine, maqet_drive_node(drive));
    return is == (int64_t)wanted
               ? 0
               : bench_fail(err,
                            "Append a command that grows the node of the drive's name",
                            "what live_resize appends is done, and the drive has %lld "
                            "bytes instead of %llu",
                            (long long)is, (unsigned long long)wanted);
}

int
check_live_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive =
        bench_drive(bench, "disk", NULL, BENCH_SIZE, err);
    _cleanup_json_ json_object *entry = drive ? maqet_tree_copy(drive->tree) : NULL;
    _cleanup_machine_ struct machine machine = MACHINE_INIT;

    if (!drive)
        return -1;
    if (!drive->storage->plugin.live_resize || !bench_has_size(bench))
        return bench_skip(bench, "%s while QEMU runs", unable);
    if (!machine_possible(bench))
        return 0;
    if (machine_run(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0)
        return -1;
    return resize_live(bench, &machine,
                       larger((uint64_t)size_in_qemu(&machine, maqet_drive_node(drive))),
                       err);
}
