/* SPDX-License-Identifier: MIT */
/*
 * check_tool.c - creating images when qemu-img fails, when maqet is killed, or when
 * another maqet creates one at the same time.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/conformance/checks.h"
#include "core/conformance/tool.h"

/* ms that a process has to end. */
static const int64_t END_TIMEOUT = 10000;

/* ---- a qemu-img that fails, or is slow ---- */

/* Creates the image with such a tool. 1: it is not run, so there is nothing to check. */
static int
prepare_with(struct bench *bench, enum tool tool, struct maqet_error **err)
{
    if (tool_replace(bench, tool) < 0) {
        bench_skip(bench, "qemu-img cannot be replaced");
        return 1;
    }
    int result = bench_prepare(bench->drive, err);
    tool_restore(bench);
    if (tool_called(bench))
        return result;
    bench_skip(bench, "create does not run qemu-img");
    return result < 0 ? -1 : 1;
}

static int
check_failing_tool(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    int result = prepare_with(bench, TOOL_FAILS, &error);

    if (bench->skipped)
        return 0;
    if (result == 0)
        return bench_fail(err, "Return what maqet_run() or maqet_command_run() returns",
                          "qemu-img fails, and create reports success");
    if (!strstr(error->message, TOOL_WORDS))
        return bench_fail(err, "Keep maqet_run()'s error; maqet_error_wrap() adds to it",
                          "the error lacks the reason that qemu-img gives: %s",
                          error->message);
    if (access(bench->drive->path, F_OK) == 0)
        return bench_fail(err, "Write to the path that create is given",
                          "qemu-img fails, and there is an image");
    return 0;
}

static int
check_slow_tool(struct bench *bench, struct maqet_error **err)
{
    struct maqet_image_state state;
    int result = prepare_with(bench, TOOL_SLOW, err);

    if (result > 0)
        return 0;
    if (result < 0)
        return maqet_error_wrap(err, "With a qemu-img that takes a second longer");
    if (!tool_finished(bench))
        return bench_fail(err, "Use maqet_run() or maqet_command_run(), which wait",
                          "create returns before qemu-img has ended");
    return maqet_image_inspect(bench->drive, &state, err);
}

/* ---- processes that create ---- */

struct creation {
    const struct maqet_drive *drive;
    const char *log;
};

static int
make_image(void *data, int fd)
{
    const struct creation *creation = data;
    _cleanup_error_ struct maqet_error *error = NULL;

    (void)fd;
    int result = bench_prepare(creation->drive, &error);
    if (result < 0 && creation->log)
        bench_write(creation->log, error->message, strlen(error->message), NULL);
    return result < 0;
}

/* Starts a child that creates the drive's image, as another maqet would. It ends with the
 * check, which ends with maqet. */
static pid_t
fork_creation(const struct maqet_drive *drive, const char *log, struct maqet_error **err)
{
    struct creation creation = {.drive = drive, .log = log};
    pid_t pid = maqet_child_fork(SIGKILL, make_image, &creation);

    return pid < 0 ? maqet_error_errno(err, errno, "Cannot start a child process") : pid;
}

/* Whether a process ends in time. Its parent was killed, so it is our child. */
static bool
has_ended(pid_t pid)
{
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);

    return pidfd < 0 || maqet_pidfd_wait(pidfd, END_TIMEOUT);
}

/* ---- maqet is killed ---- */

/* While qemu-img runs. 1: it is not run. */
static int
kill_with_tool(struct bench *bench, struct maqet_error **err)
{
    pid_t pid = fork_creation(bench->drive, NULL, err);
    int64_t deadline = maqet_now() + END_TIMEOUT;
    int tool = 0;

    if (pid < 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    while (tool == 0 && maqet_now() < deadline && !maqet_pidfd_wait(pidfd, 10))
        tool = tool_called(bench);
    kill(pid, SIGKILL);
    maqet_child_wait(pid);
    if (tool == 0)
        return 1;
    if (!has_ended(tool))
        return bench_fail(err, "Use maqet_run() and its like, which die with maqet",
                          "qemu-img still runs after maqet was killed");
    if (access(bench->drive->path, F_OK) == 0)
        return bench_fail(err, "Write to the path that create is given",
                          "maqet was killed during create, and there is an image with "
                          "its final name");
    return 0;
}

/* At various moments. An image with its final name must be complete. */
static int
kill_anywhere(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    struct maqet_image_state state;

    for (int64_t i = 0; i < 15; i++) {
        pid_t pid = fork_creation(drive, NULL, err);

        if (pid < 0)
            return -1;
        maqet_sleep(i);
        kill(pid, SIGKILL);
        maqet_child_wait(pid);
        if (access(drive->path, F_OK) < 0)
            continue;
        if (maqet_image_inspect(drive, &state, err) < 0)
            return maqet_error_wrap(err, "maqet was killed during create, and the image "
                                         "is not complete");
        unlink(drive->path);
    }
    return 0;
}

static int
check_killed(struct bench *bench, struct maqet_error **err)
{
    struct maqet_image_state state;
    int result = 1;

    if (tool_replace(bench, TOOL_HANGS) == 0) {
        result = kill_with_tool(bench, err);
        tool_restore(bench);
        unlink(bench->drive->path);
    }
    if (result < 0 || (result == 1 && kill_anywhere(bench, err) < 0))
        return -1;
    if (bench_prepare(bench->drive, err) < 0)
        return maqet_error_wrap(err, "After maqet was killed during create");
    return maqet_image_inspect(bench->drive, &state, err);
}

/* ---- two at the same time ---- */

static int
error_of_child(const char *log, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(log, 65536, &text, NULL, NULL) < 0)
        return bench_fail(err, NULL, "%s: it crashed", what);
    return bench_fail(err, "Derive names from the path that create is given", "%s: %s",
                      what, text);
}

/* Creates the images of both drives at the same time. With a slow tool, the two overlap
 * for longer; two for the same drive wait for each other anyway. */
static int
create_both(struct bench *bench, const struct maqet_drive *one,
            const struct maqet_drive *other, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *first = bench_path(bench, "error-0");
    _cleanup_free_ char *second = bench_path(bench, "error-1");
    bool slow = one != other && tool_replace(bench, TOOL_SLOW) == 0;
    const pid_t pids[] = {fork_creation(one, first, NULL),
                          fork_creation(other, second, NULL)};
    bool failed[2];

    for (int i = 0; i < 2; i++)
        failed[i] = pids[i] < 0 || maqet_child_wait(pids[i]) != 0;
    if (slow)
        tool_restore(bench);
    int result = failed[0]   ? error_of_child(first, what, err)
                 : failed[1] ? error_of_child(second, what, err)
                             : 0;
    unlink(first);
    unlink(second);
    return result;
}

static int
check_two_at_once(struct bench *bench, struct maqet_error **err)
{
    static const char hint[] =
        "If the check `inspect` passes, derive names from the path that create is given";
    static const char what[] =
        "of two images that were created at the same time in one folder, one";
    _cleanup_drive_ struct maqet_drive *one = bench_drive(bench, "one", BENCH_SIZE, err);
    _cleanup_drive_ struct maqet_drive *other =
        one ? bench_drive(bench, "other", 2 * BENCH_SIZE, err) : NULL;

    if (!other ||
        create_both(bench, one, other, "two images in one folder at the same time", err) <
            0 ||
        bench_check_size(bench, one, what, hint, err) < 0 ||
        bench_check_size(bench, other, what, hint, err) < 0)
        return -1;
    unlink(one->path);
    return create_both(bench, one, one, "one image by two maqets at the same time", err) <
                   0
               ? -1
               : bench_check_size(bench, one, what, hint, err);
}

enum { NEEDS_TOOL = NEEDS_DRIVE | NEEDS_CREATE | NEEDS_QEMU_IMG };

const struct check checks_of_tools[] = {
    {"create-failing", OF_STORAGE, NEEDS_TOOL, 30, check_failing_tool,
     "When qemu-img fails, create fails with the reason that qemu-img gives"},
    {"create-slow", OF_STORAGE, NEEDS_TOOL, 30, check_slow_tool,
     "create waits for a slow qemu-img"},
    {"create-killed", OF_STORAGE, NEEDS_DRIVE | NEEDS_CREATE, 60, check_killed,
     "When maqet is killed during create, no image and no process stays, and the next "
     "create works"},
    {"create-two", OF_STORAGE, NEEDS_DRIVES | NEEDS_CREATE, 60, check_two_at_once,
     "Two creations at the same time in one folder do not affect each other"},
    {0},
};
