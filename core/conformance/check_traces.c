/* SPDX-License-Identifier: MIT */
/*
 * check_traces.c - what a plugin must not leave behind: after all callbacks were called
 * for a drive, the process is as before, and only files in the image's folder have
 * changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/procfs.h"
#include "core/conformance/checks.h"
#include "core/conformance/footprint.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/tracer.h"

/* ---- files ---- */

static void
live_traced(void *data)
{
    scenarios_live(data, "disk", NULL);
}

/* Traces the whole life of a drive in a folder of its own. 1: it can't be traced. */
static int
trace_life(struct bench *bench, struct trace_rules *rules, struct trace_report *report,
           struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *folder = bench_path(bench, "images");
    /* The kit's own qemu-img is beside the folder. */
    _cleanup_free_ char *tools = maqet_format("%s.tool", folder);
    const char *const folders[] = {folder, tools, bench->machine.drives_dir, NULL};
    char *own = bench->folder;

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    rules->folders = folders;
    rules->callback = bench->trail->callback;
    bench->folder = folder;
    int result = tracer_run(live_traced, bench, rules, report, &reason);
    bench->folder = own;
    if (result == 0)
        return 0;
    if (reason->code != MAQET_ERROR_UNSUPPORTED) {
        if (*bench->trail->callback)
            maqet_error_wrap(&reason, "In %s", bench->trail->callback);
        return maqet_error_move(err, TAKE_PTR(reason));
    }
    bench_skip(bench, "%s", reason->message);
    return 1;
}

static int
check_writes(struct bench *bench, struct maqet_error **err)
{
    _cleanup_trace_report_ struct trace_report report = {0};
    struct trace_rules rules = {0};

    if (trace_life(bench, &rules, &report, err) < 0)
        return -1;
    return report.changed ? bench_fail(err,
                                       "Create temporary files beside the path that "
                                       "create is given, and delete them",
                                       "it changes something outside of the image's "
                                       "folder: %s",
                                       report.changed)
                          : 0;
}

/* Adds the paths in a tree: what the author has named. */
static void
add_named(json_object *tree, struct maqet_strings *paths)
{
    const char *base = maqet_tree_place(tree).folder;

    json_object_object_foreach(tree, key, value)
    {
        (void)key;
        if (json_object_is_type(value, json_type_object))
            add_named(value, paths);
        else if (json_object_is_type(value, json_type_string)) {
            _cleanup_free_ char *path =
                maqet_path_absolute(json_object_get_string(value), base ? base : "/");
            char *real = realpath(path, NULL);

            if (real)
                maqet_strings_take(paths, real);
        }
    }
}

static int
check_reads(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;
    _cleanup_trace_report_ struct trace_report report = {0};

    add_named(bench->settings, &paths);
    maqet_strings_take(&paths, maqet_path_folder(bench->folder));
    for (size_t i = 0; i < bench->context.plugin_dirs.count; i++) {
        char *real = realpath(bench->context.plugin_dirs.items[i], NULL);

        if (real)
            maqet_strings_take(&paths, real);
    }
    struct trace_rules rules = {.readable = (const char *const *)paths.items};
    if (trace_life(bench, &rules, &report, err) < 0)
        return -1;
    return report.read
               ? bench_fail(err,
                            "Open only what an option names, or what lies in a folder "
                            "that one names",
                            "it reads a file that nobody named: %s", report.read)
               : 0;
}

/* ---- descriptors ---- */

/* A program that is started meanwhile, also by another plugin, would have it open. */
static int
check_inherited(struct bench *bench, struct maqet_error **err)
{
    _cleanup_trace_report_ struct trace_report report = {0};
    struct trace_rules rules = {.descriptors = true};
    int result = trace_life(bench, &rules, &report, err);

    if (result == 0 && report.inherited)
        return bench_fail(
            err,
            "Open each with O_CLOEXEC (SOCK_CLOEXEC, F_DUPFD_CLOEXEC, \"e\" "
            "of fopen)",
            "it opens a descriptor that programs inherit: %s", report.inherited);
    return result < 0 ? -1 : 0;
}

static int
check_descriptors(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings after = MAQET_STRINGS_INIT;

    footprint_of_descriptors(&before);
    if (scenarios_live(bench, "one", err) < 0 || scenarios_live(bench, "two", err) < 0)
        return -1;
    footprint_of_descriptors(&after);
    const char *open = footprint_missing(&after, &before);
    const char *closed = footprint_missing(&before, &after);
    if (open)
        return bench_fail(err, "Close what you open, also after failures",
                          "a descriptor stays open: %s", open);
    if (closed)
        return bench_fail(err, "The core closes what it opened",
                          "the plugin closes a descriptor that is not its own: %s",
                          closed);
    return check_inherited(bench, err);
}

/* ---- processes ---- */

static int
check_children(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings children = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings threads = MAQET_STRINGS_INIT;

    if (scenarios_live(bench, "one", err) < 0)
        return -1;
    tracer_list_children(&children);
    if (children.count > 0) {
        _cleanup_free_ char *name =
            maqet_procfs_name((int)strtol(children.items[0], NULL, 10));

        return bench_fail(err, "Use maqet_run() and the like, or .helper beside QEMU",
                          "a process still runs after the callbacks returned: %s", name);
    }
    maqet_dir_list("/proc/self/task", &threads, NULL);
    return threads.count > 1
               ? bench_fail(err, "Join it: callbacks are called from one thread",
                            "a thread still runs after the callbacks returned")
               : 0;
}

/* ---- the process ---- */

static int
check_environment(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings after = MAQET_STRINGS_INIT;

    footprint_of_process(&before);
    if (scenarios_live(bench, "one", err) < 0)
        return -1;
    footprint_of_process(&after);
    const char *gone = footprint_missing(&before, &after);
    const char *come = footprint_missing(&after, &before);
    if (!gone && !come)
        return 0;
    return bench_fail(err, "Leave the process as it is: it is not the plugin's alone",
                      "the callbacks change the process: '%s' becomes '%s'",
                      gone ? gone : "nothing", come ? come : "nothing");
}

/* ---- output ---- */

/* The parent sees what is printed. */
static int
check_output(struct bench *bench, struct maqet_error **err)
{
    return scenarios_live(bench, "one", err);
}

const struct check checks_of_traces[] = {
    {"writes", OF_BOTH, NEEDS_DRIVES, 60, check_writes,
     "The plugin, and what it runs, write only to the image's folder"},
    {"reads", OF_BOTH, NEEDS_DRIVES, 60, check_reads,
     "The plugin reads only files that an option names, and those of the system"},
    {"descriptors", OF_BOTH, NEEDS_DRIVES, 60, check_descriptors,
     "No descriptor stays open, and none is opened without close-on-exec"},
    {"children", OF_BOTH, NEEDS_DRIVES, 30, check_children,
     "No process and no thread stays"},
    {"environment", OF_BOTH, NEEDS_DRIVES, 30, check_environment,
     "Environment, locale, working directory, umask, signals, timers and limits do not "
     "change"},
    {"output", OF_BOTH, NEEDS_DRIVES, 30, check_output,
     "Nothing is printed, in any check"},
    {0},
};
