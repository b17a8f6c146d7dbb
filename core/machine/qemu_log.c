/* SPDX-License-Identifier: MIT */
#include "core/machine/qemu_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/logfile.h"
#include "core/machine/run.h"

/* Bytes. */
enum { LIMIT = 4 << 20, KEPT = 1 << 20, CHUNK = 65536 };

void
maqet_qemu_log_watch(int run_fd, struct maqet_qemu_log *log)
{
    *log = MAQET_QEMU_LOG_INIT;
    log->dir_fd = fcntl(run_fd, F_DUPFD_CLOEXEC, 0);
    log->fd = openat(run_fd, MAQET_RUN_LOG,
                     O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (log->dir_fd < 0 || log->fd < 0)
        return;
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d", log->fd);
    log->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (log->watch >= 0 && inotify_add_watch(log->watch, path, IN_MODIFY) < 0)
        close(TAKE_FD(log->watch));
}

/* Copies the end of the log to the file beside it. */
static void
keep_end(const struct maqet_qemu_log *log, off_t size)
{
    _cleanup_close_ int fd =
        openat(log->dir_fd, MAQET_RUN_LOG MAQET_LOGFILE_OLDER,
               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    _cleanup_free_ char *bytes = maqet_alloc(CHUNK);
    off_t at = size - KEPT;
    ssize_t count;

    if (fd < 0 || dprintf(fd, "[maqet: what is before was dropped]\n") < 0)
        return;
    while (at < size && (count = pread(log->fd, bytes, CHUNK, at)) > 0 &&
           maqet_fd_write(fd, bytes, (size_t)count) == 0)
        at += count;
}

void
maqet_qemu_log_shorten(const struct maqet_qemu_log *log)
{
    char events[4096];
    struct stat status;

    while (read(log->watch, events, sizeof(events)) > 0)
        continue;
    if (fstat(log->fd, &status) < 0 || status.st_size <= LIMIT)
        return;
    keep_end(log, status.st_size);
    if (ftruncate(log->fd, 0) < 0)
        errno = 0; /* the next time */
}

void
maqet_qemu_log_clear(struct maqet_qemu_log *log)
{
    maqet_cleanup_close(&log->dir_fd);
    maqet_cleanup_close(&log->fd);
    maqet_cleanup_close(&log->watch);
    *log = MAQET_QEMU_LOG_INIT;
}
