/* SPDX-License-Identifier: MIT */
#include "core/machine/helpers_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"

/* Bytes of the record that are read: more than any machine needs. */
enum { RECORD_LIMIT = 65536 };

/* The process that a line of the record names, and that was started then; 0: none. */
static int
recorded(const char *line)
{
    struct maqet_procfs_stat stat;
    uint64_t started;
    int pid;

    return sscanf(line, "%d %" SCNu64, &pid, &started) == 2 && pid > 0 &&
                   maqet_procfs_stat(pid, &stat) && stat.started == started
               ? pid
               : 0;
}

/* A pidfd of that process; -1: it has ended. */
static int
open_recorded(const char *line)
{
    int pid = recorded(line);
    _cleanup_close_ int pidfd = pid > 0 ? maqet_pidfd_open(pid) : -1;

    /* It may have ended in between, and its PID be that of another one. */
    return pidfd >= 0 && recorded(line) == pid ? TAKE_FD(pidfd) : -1;
}

int
maqet_helpers_join(int dir_fd)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    _cleanup_close_ int fd =
        openat(dir_fd, MAQET_HELPERS_RECORD,
               O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0 ? TAKE_FD(fd) : -1;
}

int
maqet_helpers_note(int fd, int pid, const char *drive)
{
    struct maqet_procfs_stat stat;

    return maqet_procfs_stat(pid, &stat) &&
                   dprintf(fd, "%d %" PRIu64 " %s\n", pid, stat.started, drive) > 0
               ? 0
               : -1;
}

bool
maqet_helpers_has(int dir_fd, int pid)
{
    _cleanup_free_ char *text = NULL;
    bool found = false;

    if (dir_fd < 0 || maqet_file_read_at(dir_fd, MAQET_HELPERS_RECORD, RECORD_LIMIT,
                                         &text, NULL, NULL) < 0)
        return false;
    char *rest = text;
    for (char *line; !found && (line = strsep(&rest, "\n"));)
        found = recorded(line) == pid;
    return found;
}

void
maqet_helpers_watched(int pid, struct maqet_strings *pids)
{
    enum { LIMIT = 4096 };
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_procfs_stat stat;

    if (!maqet_procfs_stat(pid, &stat))
        return;
    _cleanup_free_ char *parent = maqet_procfs_name(stat.parent);
    _cleanup_free_ char *folder = maqet_format("/proc/%d/fdinfo", stat.parent);
    if (strcmp(parent, MAQET_HELPERS_SUPERVISOR) != 0)
        return;
    /* A pidfd is described by "Pid:\t123" (proc_pid_fdinfo(5)). */
    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);
        _cleanup_free_ char *text = NULL;
        const char *line = maqet_file_read(path, LIMIT, &text, NULL, NULL) < 0
                               ? NULL
                               : strstr(text, "\nPid:");

        if (line)
            maqet_strings_addf(pids, "%ld", strtol(line + strlen("\nPid:"), NULL, 10));
    }
}

static void
remove_sockets(int dir_fd)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    if (folder)
        maqet_dir_list(folder, &files, NULL);
    for (size_t i = 0; i < files.count; i++)
        if (maqet_text_starts(files.items[i], MAQET_DRIVE_SOCKET_PREFIX))
            unlinkat(dir_fd, files.items[i], 0);
}

void
maqet_helpers_end(int dir_fd)
{
    struct maqet_deadline deadline = maqet_deadline_in(MAQET_HELPERS_PATIENCE);
    _cleanup_close_ int fd =
        openat(dir_fd, MAQET_HELPERS_RECORD, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ int *pidfds = NULL;
    size_t count = 0;

    /* If it cannot be read, the next command tries again. */
    if ((fd < 0 && errno != ENOENT) ||
        (fd >= 0 &&
         maqet_fd_read(fd, MAQET_HELPERS_RECORD, RECORD_LIMIT, &text, NULL, NULL) < 0))
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        int pidfd = open_recorded(line);

        if (pidfd < 0)
            continue;
        *MAQET_APPEND(pidfds, count) = pidfd;
        maqet_pidfd_terminate(pidfd);
    }
    for (size_t i = 0; i < count; i++) {
        if (!maqet_pidfd_wait(pidfds[i], maqet_deadline_left(deadline))) {
            maqet_pidfd_kill(pidfds[i], SIGKILL);
            maqet_pidfd_wait(pidfds[i], MAQET_HELPERS_PATIENCE);
        }
        close(pidfds[i]);
    }
    /* They have ended, and their supervisors are about to. */
    if (fd >= 0)
        maqet_lock_wait_through(fd, MAQET_HELPERS_PATIENCE);
    remove_sockets(dir_fd);
    unlinkat(dir_fd, MAQET_HELPERS_RECORD, 0);
}

/* ---- one of them ---- */

/* Whether a line is that of a program for the drive. The earlier maqet did not record the
 * drive. */
static bool
is_of(const char *line, const char *drive)
{
    const char *name = strrchr(line, ' ');

    return name && strcmp(name + 1, drive) == 0;
}

/* Keeps the lines of programs that run for other drives. The drive's own may still be a
 * zombie, which its supervisor reaps at any moment, so nothing depends on that. A kill in between leaves lines of others behind
 * them, which are ignored. */
static void
shorten(int fd, const char *text, const char *drive)
{
    _cleanup_free_ char *copy = maqet_strdup(text);
    _cleanup_text_ struct maqet_text kept = MAQET_TEXT_INIT;
    char *rest = copy;

    for (char *line; (line = strsep(&rest, "\n"));)
        if (!is_of(line, drive) && recorded(line) > 0)
            maqet_text_appendf(&kept, "%s\n", line);
    if (pwrite(fd, kept.data ? kept.data : "", kept.length, 0) != (ssize_t)kept.length ||
        ftruncate(fd, (off_t)kept.length) < 0)
        errno = 0; /* it is only longer than necessary */
}

void
maqet_helpers_end_one(int dir_fd, const char *drive)
{
    _cleanup_close_ int fd =
        openat(dir_fd, MAQET_HELPERS_RECORD, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *socket =
        maqet_format(MAQET_DRIVE_SOCKET_PREFIX "%s.sock", drive);

    if (fd < 0 ||
        maqet_fd_read(fd, MAQET_HELPERS_RECORD, RECORD_LIMIT, &text, NULL, NULL) < 0)
        return;
    _cleanup_free_ char *copy = maqet_strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));) {
        _cleanup_close_ int pidfd = is_of(line, drive) ? open_recorded(line) : -1;

        if (pidfd < 0)
            continue;
        maqet_pidfd_terminate(pidfd);
        if (maqet_pidfd_wait(pidfd, MAQET_HELPERS_PATIENCE))
            continue;
        maqet_pidfd_kill(pidfd, SIGKILL);
        maqet_pidfd_wait(pidfd, MAQET_HELPERS_PATIENCE);
    }
    shorten(fd, text, drive);
    unlinkat(dir_fd, socket, 0);
}
