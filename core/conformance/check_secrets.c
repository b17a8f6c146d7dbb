/* SPDX-License-Identifier: MIT */
/*
 * check_secrets.c - what is in the file of a SECRET option reaches no command line, no
 * environment, and no message.
 */
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/tracer.h"
#include "core/conformance/variants.h"
#include "core/config/options.h"
#include "core/qemu/objects.h"
#include "core/storage/slots.h"

/* Has every drive a secret for each such option that the author does not set. Returns how
 * many options there are. */
static size_t
set_secrets(struct bench *bench, const char *path)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    size_t count = 0;

    variants_options(bench->options, &names);
    for (size_t i = 0; i < names.count; i++) {
        const struct maqet_option *row =
            maqet_options_find(bench->options, names.items[i]);

        if (!row || row->type != MAQET_OPTION_SECRET)
            continue;
        count++;
        made_up_set(bench, bench->settings, names.items[i], path);
    }
    return count;
}

static void
live_with_secrets(void *data)
{
    scenarios_live(data, "disk", NULL);
}

/* Without a tracer, so that what the core refuses is seen. */
static int
use_drive(struct bench *bench, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", 0, err);

    if (!drive || (!bench->is_iface && bench_prepare(drive, err) < 0))
        return -1;
    return maqet_drives_emit((struct maqet_drive *[]){drive}, 1, NULL, args, NULL, err);
}

static int
check_secrets(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, "secret");
    _cleanup_trace_report_ struct trace_report report = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;
    const char *const none[] = {NULL}; /* what it changes is of no matter here */
    const struct trace_rules rules = {
        .folders = none, .secret = BENCH_SECRET, .callback = bench->trail->callback};

    if (bench_write(path, BENCH_SECRET, strlen(BENCH_SECRET), err) < 0)
        return -1;
    if (set_secrets(bench, path) == 0)
        return bench_skip(bench, "it has no SECRET option");
    if (tracer_run(live_with_secrets, bench, &rules, &report, &reason) < 0 &&
        reason->code != MAQET_ERROR_UNSUPPORTED)
        return maqet_error_move(err, TAKE_PTR(reason));
    if (report.revealed)
        return bench_fail(err,
                          "Give it to a program by maqet_command_file() or "
                          "maqet_command_input(), or as the path of its file",
                          "a program gets the secret in %s", report.revealed);
    return use_drive(bench, err) < 0
               ? maqet_error_wrap(err, "With a secret in each SECRET option")
               : 0;
}

const struct check checks_of_secrets[] = {
    {"secrets", OF_BOTH, NEEDS_DRIVES, 60, check_secrets,
     "No program gets a secret as an argument, or in its environment"},
    {0},
};
