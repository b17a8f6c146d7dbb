/* SPDX-License-Identifier: MIT */
#include "core/vm/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/files.h"
#include "core/qemu/launch.h"
#include "core/qemu/qmp.h"
#include "core/vm/run.h"
#include "core/vm/store.h"

/* A list of many machines must not wait for one whose monitor hangs. */
static const int64_t ASK_TIMEOUT = 1000;

const char *
maqet_status_name(enum maqet_status status)
{
    static const char *const names[] = {
        [MAQET_STATUS_CREATED] = "created", [MAQET_STATUS_RUNNING] = "running",
        [MAQET_STATUS_PAUSED] = "paused",   [MAQET_STATUS_STOPPED] = "stopped",
        [MAQET_STATUS_CRASHED] = "crashed",
    };

    return names[status];
}

/* "paused" is what QEMU says of itself; without an answer it counts as running. */
static bool
is_paused(int dir_fd, const char *name, int pidfd)
{
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_monitor_open(dir_fd, name, ASK_TIMEOUT, pidfd, &lock, NULL);
    _cleanup_json_ json_object *answer =
        qmp ? maqet_qmp_execute(qmp, "query-status", NULL, ASK_TIMEOUT, NULL) : NULL;
    json_object *running = NULL;

    return json_object_object_get_ex(answer, "running", &running) &&
           !json_object_get_boolean(running);
}

/* ---- what the kernel says of the process ---- */

static void
read_usage(struct maqet_state *state)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/stat", state->pid);
    _cleanup_free_ char *data = NULL;
    unsigned long long user, kernel, started;
    long pages, ticks = sysconf(_SC_CLK_TCK);
    struct timespec now;

    if (maqet_file_read(path, 65536, &data, NULL, NULL) < 0)
        return;
    /* proc(5): the second field is the name in parentheses, which may hold anything. */
    const char *after = strrchr(data, ')');
    if (!after || sscanf(after + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
                         "%*d %*d %*d %*d %llu %*u %ld",
                         &user, &kernel, &started, &pages) != 4)
        return;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double uptime =
        (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)started / (double)ticks;
    state->uptime = uptime > 0 ? (int64_t)(uptime * 1000) : 0;
    state->memory = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (uptime > 0)
        state->cpu = 100 * (double)(user + kernel) / (double)ticks / uptime;
}

static enum maqet_status
status_at_rest(const struct maqet_context *context, const char *name, int dir_fd)
{
    /* QEMU removes its PID file when it ends in order. */
    if (dir_fd >= 0 && faccessat(dir_fd, "pid", F_OK, 0) == 0)
        return MAQET_STATUS_CRASHED;
    return maqet_store_started(context, name) ? MAQET_STATUS_STOPPED
                                              : MAQET_STATUS_CREATED;
}

int
maqet_state_read(const struct maqet_context *context, const char *name,
                 struct maqet_state *state, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", context->runtime_dir, name);
    /* Looking makes nothing: no folder means that nothing runs. */
    _cleanup_close_ int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int run_fd =
        dir_fd < 0 ? -1 : openat(dir_fd, "run", O_RDWR | O_CLOEXEC);
    _cleanup_close_ int pidfd = -1;

    *state = (struct maqet_state){0};
    if (run_fd < 0 && errno != ENOENT)
        return maqet_error_errno(err, errno, "Can't look at the virtual machine '%s'",
                                 name);
    if (run_fd >= 0) {
        state->pid = maqet_run_holder(run_fd, &pidfd, err);
        if (state->pid < 0)
            return maqet_error_wrap(err, "Virtual machine '%s'", name);
    }
    if (state->pid == 0) {
        state->status = status_at_rest(context, name, dir_fd);
        return 0;
    }
    read_usage(state);
    state->status =
        is_paused(dir_fd, name, pidfd) ? MAQET_STATUS_PAUSED : MAQET_STATUS_RUNNING;
    return 0;
}

char *
maqet_crash_text(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path =
        maqet_format("%s/%s/qemu.log", context->runtime_dir, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *words = maqet_run_last_words(fd);
    _cleanup_free_ char *readable = maqet_launch_words(words);

    if (*readable)
        return maqet_format(
            "QEMU of '%s' ended without cleaning up. Its last words (%s): %s", name, path,
            readable);
    return maqet_format(
        "QEMU of '%s' ended without cleaning up, and without a word in %s: "
        "it was killed, by a person, for want of memory, or by its sandbox "
        "when it wanted to run another program (`sandbox: off` allows that)",
        name, path);
}
