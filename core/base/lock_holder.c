/* SPDX-License-Identifier: MIT */
#include "core/base/lock_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/procfs.h"

/* ms after which it is said what is waited for. */
static const int64_t SILENT = 1000;

enum { DAY = 24 * 60 * 60 /* s */ };

/* When a process was started: "14:03:05", with the date if that is long ago. The caller
 * frees; NULL: it has ended. */
static char *
start_text(int pid)
{
    struct maqet_procfs_stat stat;
    struct timespec now;
    struct tm local;
    char text[32];

    if (!maqet_procfs_stat(pid, &stat))
        return NULL;
    clock_gettime(CLOCK_BOOTTIME, &now);
    time_t age = now.tv_sec - (time_t)(stat.started / (uint64_t)sysconf(_SC_CLK_TCK));
    time_t started = time(NULL) - age;
    return localtime_r(&started, &local) &&
                   strftime(text, sizeof(text), age < DAY ? "%H:%M:%S" : "%Y-%m-%d %H:%M",
                            &local) > 0
               ? maqet_strdup(text)
               : NULL;
}

/* The first process, by PID, that has a lock on the file; 0: none is visible. */
static int
find_holder(int fd)
{
    struct maqet_file_id wanted;
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d", fd);
    DIR *dir = maqet_file_id_of_used(AT_FDCWD, path, &wanted) ? opendir("/proc") : NULL;
    struct dirent *entry;
    int found = 0;

    while (dir && found == 0 && (entry = readdir(dir))) {
        int pid = isdigit((unsigned char)entry->d_name[0])
                      ? (int)strtol(entry->d_name, NULL, 10)
                      : 0;
        bool locked = false;

        if (pid > 0 && pid != getpid() && maqet_procfs_holds(pid, &wanted, &locked) &&
            locked)
            found = pid;
    }
    if (dir)
        closedir(dir);
    return found;
}

char *
maqet_lock_holder(int fd)
{
    int pid = find_holder(fd);
    _cleanup_free_ char *since = pid > 0 ? start_text(pid) : NULL;
    _cleanup_free_ char *command = since ? maqet_procfs_command(pid) : NULL;

    return command ? maqet_format("'%s' (PID %d, since %s)", command, pid, since) : NULL;
}

int
maqet_lock_hint(int fd, struct maqet_error **err)
{
    _cleanup_free_ char *holder = err ? maqet_lock_holder(fd) : NULL;

    if (holder)
        maqet_error_hint(err, "It is %s: wait until it has ended", holder);
    else
        maqet_error_hint(err, "Wait until it has ended");
    return -1;
}

static void
say_waiting(const struct maqet_context *context, int fd, const char *what)
{
    _cleanup_free_ char *holder = maqet_lock_holder(fd);

    if (holder)
        maqet_context_say(context, MAQET_LEVEL_INFO, "Waiting for %s, which works on %s",
                          holder, what);
}

int
maqet_lock_wait_named(int fd, int64_t timeout, const char *what,
                      const struct maqet_context *context, struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    int64_t first = context && timeout > SILENT ? SILENT : timeout;
    struct maqet_error *reason = NULL;

    if (maqet_lock_wait(fd, first, what, &reason) == 0)
        return 0;
    if (reason->code == MAQET_ERROR_TIMEOUT && first < timeout) {
        maqet_error_clear(&reason);
        say_waiting(context, fd, what);
        if (maqet_lock_wait(fd, maqet_deadline_left(deadline), what, &reason) == 0)
            return 0;
    }
    if (reason->code != MAQET_ERROR_TIMEOUT) {
        if (!err && reason->signal)
            maqet_interrupt_restore();
        return maqet_error_move(err, reason);
    }
    maqet_error_free(reason);
    maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                    "Another maqet process has been working on %s for %.1f s", what,
                    (double)timeout / 1000);
    return maqet_lock_hint(fd, err);
}
