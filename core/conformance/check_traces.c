/* SPDX-License-Identifier: MIT */
/*
 * check_traces.c - what a plugin must not leave behind: after all callbacks were called
 * for a drive, the process is as before, and only files in the image's folder have
 * changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/procfs.h"
#include "core/conformance/checks.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/tracer.h"

/* ---- files ---- */

static void
live_traced(void *data)
{
    scenarios_live(data, "disk", NULL);
}

static int
check_writes(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *outside = NULL;
    _cleanup_free_ char *folder = bench_path(bench, "images");
    /* The kit's own qemu-img is beside the folder. */
    _cleanup_free_ char *tools = maqet_format("%s.tool", folder);
    const char *const folders[] = {folder, tools, NULL};
    char *own = bench->folder;

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    bench->folder = folder;
    int result = tracer_run(live_traced, bench, folders, &outside, &reason);
    bench->folder = own;
    if (result < 0 && reason->code == MAQET_ERROR_UNSUPPORTED)
        return bench_skip(bench, "%s", reason->message);
    if (result < 0)
        return maqet_error_move(err, TAKE_PTR(reason));
    return outside ? bench_fail(err,
                                "Create temporary files beside the path that create is "
                                "given, and delete them",
                                "it changes something outside of the image's folder: %s",
                                outside)
                   : 0;
}

/* ---- descriptors ---- */

/* The first text of a list that is not in the other one; NULL: all are. */
static const char *
first_missing(const struct maqet_strings *list, const struct maqet_strings *in)
{
    for (size_t i = 0; i < list->count; i++)
        if (!maqet_strings_has(in, list->items[i]))
            return list->items[i];
    return NULL;
}

/* "NUMBER -> FILE" for each open descriptor. */
static void
list_descriptors(struct maqet_strings *list)
{
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        _cleanup_free_ char *path = maqet_path_of_fd(fd);
        maqet_strings_addf(list, "%d -> %s", fd, path ? path : "?");
    }
}

static int
check_descriptors(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings after = MAQET_STRINGS_INIT;

    list_descriptors(&before);
    if (scenarios_live(bench, "one", err) < 0 || scenarios_live(bench, "two", err) < 0)
        return -1;
    list_descriptors(&after);
    const char *open = first_missing(&after, &before);
    const char *closed = first_missing(&before, &after);
    if (open)
        return bench_fail(err, "Close what you open, also after failures",
                          "a descriptor stays open: %s", open);
    return closed ? bench_fail(err, "The core closes what it opened",
                               "the plugin closes a descriptor that is not its own: %s",
                               closed)
                  : 0;
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

static void
describe_signals(struct maqet_strings *list)
{
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) < 0)
            continue;
        maqet_strings_addf(list, "the action for signal %d: %p, %d, %s", number,
                           (void *)action.sa_handler, action.sa_flags,
                           sigismember(&blocked, number) ? "blocked" : "not blocked");
    }
}

static void
describe_process(struct maqet_strings *list)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    mode_t mask = umask(0);

    umask(mask);
    maqet_strings_addf(list, "the working directory: %s", folder ? folder : "?");
    maqet_strings_addf(list, "the umask: %03o", mask);
    maqet_strings_addf(list, "the locale: %s", setlocale(LC_ALL, NULL));
    maqet_strings_addf(list, "the user: %u %u %u %u", getuid(), geteuid(), getgid(),
                       getegid());
    describe_signals(list);
    for (char **variable = environ; variable && *variable; variable++)
        maqet_strings_addf(list, "the environment: %s", *variable);
}

static int
check_environment(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings after = MAQET_STRINGS_INIT;

    describe_process(&before);
    if (scenarios_live(bench, "one", err) < 0)
        return -1;
    describe_process(&after);
    const char *gone = first_missing(&before, &after);
    const char *come = first_missing(&after, &before);
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
    {"descriptors", OF_BOTH, NEEDS_DRIVES, 30, check_descriptors,
     "No descriptor stays open"},
    {"children", OF_BOTH, NEEDS_DRIVES, 30, check_children,
     "No process and no thread stays"},
    {"environment", OF_BOTH, NEEDS_DRIVES, 30, check_environment,
     "Environment, locale, working directory, umask and signals do not change"},
    {"output", OF_BOTH, NEEDS_DRIVES, 30, check_output,
     "Nothing is printed, in any check"},
    {0},
};
