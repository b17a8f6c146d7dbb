/* SPDX-License-Identifier: MIT */
/*
 * check_tool.c - making images when something goes wrong: qemu-img, maqet itself, or
 * another maqet that does the same.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/conformance/checks.h"
#include "core/conformance/tool.h"

static const char no_path[] = "it makes no image in a file (no .path_option)";
static const char no_tool[] = "there is no qemu-img";
static const char not_called[] = "create does not run qemu-img";

/* What does not end by itself in this time, in ms, never will. */
static const int64_t END_TIMEOUT = 10000;

/* ---- a qemu-img that fails, or is slow ---- */

int
check_failing_tool(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_error_ struct maqet_error *error = NULL;

    if (!drive)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (tool_replace(bench, TOOL_FAILS) < 0)
        return bench_skip(bench, "%s", no_tool);
    int result = bench_prepare(bench, drive, &error);
    tool_restore(bench);
    if (!tool_called(bench))
        return bench_skip(bench, "%s", not_called);
    if (result == 0)
        return bench_fail(err, "Return what maqet_run() or maqet_command_run() returns",
                          "qemu-img fails, and create says that all is well");
    if (!strstr(error->message, TOOL_WORDS))
        return bench_fail(err,
                          "Keep the error that maqet_run() sets; maqet_error_wrap() "
                          "adds to it",
                          "qemu-img says why it fails, and the error doesn't: %s",
                          error->message);
    if (access(drive->path, F_OK) == 0)
        return bench_fail(err, "Write to the path that create is given",
                          "qemu-img fails, and there is an image");
    return 0;
}

int
check_slow_tool(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (tool_replace(bench, TOOL_SLOW) < 0)
        return bench_skip(bench, "%s", no_tool);
    int result = bench_prepare(bench, drive, err);
    tool_restore(bench);
    if (!tool_called(bench))
        return result < 0 ? -1 : bench_skip(bench, "%s", not_called);
    if (result < 0)
        return maqet_error_wrap(err, "With a qemu-img that takes a second");
    if (!tool_finished(bench))
        return bench_fail(err, "Use maqet_run() or maqet_command_run(), which wait",
                          "create returns before qemu-img has ended");
    struct maqet_image_state state;
    return maqet_image_inspect(drive, &state, err);
}

/* ---- processes that create ---- */

struct creation {
    struct bench *bench;
    const struct maqet_drive *drive;
    const char *log;
};

static int
make_image(void *data, int fd)
{
    const struct creation *creation = data;
    _cleanup_error_ struct maqet_error *error = NULL;

    (void)fd;
    int result = bench_prepare(creation->bench, creation->drive, &error);
    if (result < 0 && creation->log)
        bench_write(creation->log, error->message, strlen(error->message), NULL);
    return result < 0;
}

/* A child that makes the drive's image, as a maqet of its own. Whoever kills maqet ends
 * its child, the check; and that ends this one. */
static pid_t
fork_creation(struct bench *bench, const struct maqet_drive *drive, const char *log)
{
    struct creation creation = {.bench = bench, .drive = drive, .log = log};

    return maqet_child_fork(SIGKILL, make_image, &creation);
}

static int
wait_for(pid_t pid)
{
    int status = maqet_child_wait(pid);

    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Whether a process that is none of our own has ended. It became our child when its
 * parent died, so it is reaped here. */
static bool
has_ended(pid_t pid)
{
    for (int64_t deadline = maqet_now() + END_TIMEOUT; maqet_now() < deadline;) {
        if (waitpid(pid, NULL, WNOHANG) == pid || kill(pid, 0) < 0)
            return true;
        maqet_sleep(20);
    }
    return false;
}

/* ---- killed ---- */

/* While qemu-img runs. 1: it is not run. */
static int
kill_with_tool(struct bench *bench, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    pid_t pid = fork_creation(bench, drive, NULL);
    int64_t deadline = maqet_now() + END_TIMEOUT;
    bool ended = false;
    int tool;

    if (pid < 0)
        return maqet_error_errno(err, errno, "Cannot start a child process");
    while ((tool = tool_called(bench)) == 0 && maqet_now() < deadline &&
           !(ended = waitpid(pid, NULL, WNOHANG) != 0))
        maqet_sleep(10);
    /* One that was waited for has no number any more: it may be anybody's. */
    if (!ended) {
        kill(pid, SIGKILL);
        wait_for(pid);
    }
    if (tool == 0)
        return 1;
    if (!has_ended(tool))
        return bench_fail(err,
                          "Run programs by maqet_run() and its like, which die with "
                          "maqet",
                          "qemu-img goes on when maqet was killed");
    if (access(drive->path, F_OK) == 0)
        return bench_fail(err, "Write to the path that create is given",
                          "maqet was killed in the middle of create, and there is an "
                          "image with its final name");
    return 0;
}

/* At any moment: what has its final name must be whole. */
static int
kill_anywhere(struct bench *bench, const struct maqet_drive *drive,
              struct maqet_error **err)
{
    for (int64_t i = 0; i < 15; i++) {
        struct maqet_image_state state;
        pid_t pid = fork_creation(bench, drive, NULL);

        if (pid < 0)
            return maqet_error_errno(err, errno, "Cannot start a child process");
        maqet_sleep(i);
        kill(pid, SIGKILL);
        wait_for(pid);
        if (access(drive->path, F_OK) < 0)
            continue;
        if (maqet_image_inspect(drive, &state, err) < 0)
            return maqet_error_wrap(err, "maqet was killed in the middle of create, and "
                                         "the image is not whole");
        unlink(drive->path);
    }
    return 0;
}

int
check_killed(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    struct maqet_image_state state;
    int result = 1;

    if (!drive)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (tool_replace(bench, TOOL_HANGS) == 0) {
        result = kill_with_tool(bench, drive, err);
        tool_restore(bench);
        unlink(drive->path);
    }
    if (result < 0 || (result == 1 && kill_anywhere(bench, drive, err) < 0))
        return -1;
    if (bench_prepare(bench, drive, err) < 0)
        return maqet_error_wrap(err, "After maqet was killed in the middle of create");
    return maqet_image_inspect(drive, &state, err);
}

/* ---- two at once ---- */

static int
error_of_child(const char *log, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(log, 65536, &text, NULL, NULL) < 0)
        return bench_fail(err, NULL, "%s: it crashed", what);
    return bench_fail(err, "Use names that are made of the path that create is given",
                      "%s: %s", what, text);
}

/* Makes the images of both drives at the same time; slowly where they would not meet. */
static int
create_both(struct bench *bench, const struct maqet_drive *one,
            const struct maqet_drive *other, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *first = bench_path(bench, "error-0");
    _cleanup_free_ char *second = bench_path(bench, "error-1");
    const char *const logs[] = {first, second};
    bool slow = one != other && tool_replace(bench, TOOL_SLOW) == 0;
    pid_t pids[2] = {fork_creation(bench, one, logs[0]),
                     fork_creation(bench, other, logs[1])};
    int results[2];

    for (int i = 0; i < 2; i++)
        results[i] = pids[i] < 0 ? -1 : wait_for(pids[i]);
    if (slow)
        tool_restore(bench);
    int failed = results[0] != 0   ? error_of_child(logs[0], what, err)
                 : results[1] != 0 ? error_of_child(logs[1], what, err)
                                   : 0;
    unlink(logs[0]);
    unlink(logs[1]);
    return failed;
}

static int
check_size(const struct bench *bench, const struct maqet_drive *drive,
           struct maqet_error **err)
{
    uint64_t wanted = maqet_drive_size(drive, "size");
    struct maqet_image_state state;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "Of two images that were made at once");
    if (!bench_has_size(bench) || state.virtual_size == 0 ||
        state.virtual_size / 512 == (wanted + 511) / 512)
        return 0;
    return bench_fail(err,
                      "If the check `inspect` passes, use names that are made of "
                      "the path that create is given",
                      "of two images that were made at once in one folder, one has the "
                      "size %llu instead of %llu",
                      (unsigned long long)state.virtual_size, (unsigned long long)wanted);
}

int
check_two_at_once(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *one =
        bench_drive(bench, "one", NULL, BENCH_SIZE, err);
    _cleanup_drive_ struct maqet_drive *other =
        one ? bench_drive(bench, "other", NULL, 2 * BENCH_SIZE, err) : NULL;

    if (!other)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (create_both(bench, one, other, "two images in one folder at once", err) < 0 ||
        check_size(bench, one, err) < 0 || check_size(bench, other, err) < 0)
        return -1;
    unlink(one->path);
    if (create_both(bench, one, one, "one image by two maqets at once", err) < 0)
        return -1;
    return check_size(bench, one, err);
}
