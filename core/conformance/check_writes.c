/* SPDX-License-Identifier: MIT */
/*
 * check_writes.c - where the plugin writes, and the programs that it runs.
 */
#include "core/conformance/checks.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/tracer.h"

static void
live(void *data)
{
    scenarios_live(data, "disk", NULL);
}

int
check_writes(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *outside = NULL;
    _cleanup_free_ char *folder = bench_path(bench, "images");
    /* The tool that fails lies beside the folder, and is ours. */
    _cleanup_free_ char *tools = maqet_format("%s.tool", folder);
    const char *const folders[] = {folder, tools, NULL};
    char *own = bench->folder;

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    bench->folder = folder;
    int result = tracer_run(live, bench, folders, &outside, &reason);
    bench->folder = own;
    if (result < 0 && reason->code == MAQET_ERROR_UNSUPPORTED)
        return bench_skip(bench, "%s", reason->message);
    if (result < 0)
        return maqet_error_move(err, TAKE_PTR(reason));
    return outside ? bench_fail(err,
                                "Make what is needed beside the path that create is "
                                "given, and remove it again",
                                "it changes something outside of the image's folder: %s",
                                outside)
                   : 0;
}
