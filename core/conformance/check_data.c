/* SPDX-License-Identifier: MIT */
/*
 * check_data.c - resizing keeps the data of a drive.
 */
#include <inttypes.h>

#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/data.h"
#include "core/conformance/machine.h"
#include "core/machine/monitor.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"

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

    if (bench_prepare(drive, err) < 0 || (!no_io && data_write(bench, 5, err) < 0) ||
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
    return !no_io && data_read(bench, 5, err) < 0 ? maqet_error_wrap(err, "After resize")
                                                  : 0;
}

static int
check_live_resize(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct maqet_opened *machine = machine_start_drive(bench, err);
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (!machine)
        return -1;
    const uint64_t wanted = larger((uint64_t)machine_size(machine, bench->drive));
    if (maqet_storage_live_resize(bench->drive, wanted, actions, err) < 0)
        return -1;
    if (maqet_monitor_run_actions(machine, actions, err) < 0)
        return maqet_error_wrap(err, "QEMU refuses what live_resize appends");
    int64_t is = machine_size(machine, bench->drive);
    return is == (int64_t)wanted
               ? 0
               : bench_fail(
                     err, "Append a command that grows the drive's own node",
                     "QEMU runs what live_resize appends, and the drive has %" PRId64
                     " bytes instead of %" PRIu64,
                     is, wanted);
}

enum { NEEDS_GROWTH = NEEDS_DRIVE | NEEDS_THERE };

const struct check checks_of_data[] = {
    {"resize", OF_STORAGE, NEEDS_GROWTH | NEEDS_RESIZE, 30, check_resize,
     "resize gives the drive the size that it is told, and keeps its data"},
    {"live-resize", OF_STORAGE, NEEDS_GROWTH | NEEDS_LIVE_RESIZE | NEEDS_QEMU, 60,
     check_live_resize, "The same while QEMU has the image"},
    {0},
};
