/* SPDX-License-Identifier: MIT */
#include "core/base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"

/* The size of a file; 0 if there is none. */
static uint64_t
size_of(int fd)
{
    struct stat status;

    return fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0
               ? (uint64_t)status.st_size
               : 0;
}

static int
open_older(const struct maqet_logfile *log)
{
    _cleanup_free_ char *name = maqet_format("%s" MAQET_LOGFILE_OLDER, log->name);

    return openat(log->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int
open_at(int dir_fd, const char *name, uint64_t limit, int flags,
        struct maqet_logfile *log, struct maqet_error **err)
{
    *log = MAQET_LOGFILE_INIT;
    log->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    log->name = maqet_strdup(name);
    log->limit = limit;
    if (log->dir_fd < 0)
        return maqet_error_errno(err, errno, "Cannot open the log %s", name);
    log->newer =
        openat(log->dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (log->newer < 0 && (errno != ENOENT || (flags & O_CREAT)))
        return maqet_error_errno(err, errno, "Cannot open the log %s", name);
    log->older = open_older(log);
    log->middle = size_of(log->older);
    log->end = log->middle + size_of(log->newer);
    return 0;
}

int
maqet_logfile_open(int dir_fd, const char *name, uint64_t limit,
                   struct maqet_logfile *log, struct maqet_error **err)
{
    return open_at(dir_fd, name, limit, O_RDWR | O_CREAT | O_APPEND, log, err);
}

int
maqet_logfile_open_reader(int dir_fd, const char *name, struct maqet_logfile *log,
                          struct maqet_error **err)
{
    return open_at(dir_fd, name, 0, O_RDONLY, log, err);
}

void
maqet_logfile_clear(struct maqet_logfile *log)
{
    const int fds[] = {log->dir_fd, log->older, log->newer};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(log->name);
    *log = MAQET_LOGFILE_INIT;
}

/* ---- writing ---- */

/* Somebody may have shortened the file: what is appended then comes earlier in it. */
static void
settle_middle(struct maqet_logfile *log)
{
    uint64_t size = size_of(log->newer);

    if (log->end - log->middle == size)
        return;
    log->end = log->middle + size > log->end ? log->middle + size : log->end;
    log->middle = log->end - size;
    log->begin =
        log->middle > size_of(log->older) ? log->middle - size_of(log->older) : 0;
}

/* The newer file becomes the older one. Nothing changes if that fails. */
static int
rotate(struct maqet_logfile *log)
{
    _cleanup_free_ char *older = maqet_format("%s" MAQET_LOGFILE_OLDER, log->name);

    if (renameat(log->dir_fd, log->name, log->dir_fd, older) < 0 && errno != ENOENT)
        return -1;
    int fd = openat(log->dir_fd, log->name,
                    O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    if (log->older >= 0)
        close(log->older);
    log->older = log->newer;
    log->newer = fd;
    log->begin = log->middle;
    log->middle = log->end;
    return 0;
}

size_t
maqet_logfile_write(struct maqet_logfile *log, const char *bytes, size_t length)
{
    size_t written = 0;

    settle_middle(log);
    while (written < length) {
        uint64_t used = log->end - log->middle;

        if (used >= log->limit && rotate(log) < 0)
            break;
        used = log->end - log->middle;
        size_t part = length - written;
        if (part > log->limit - used)
            part = log->limit - used;
        ssize_t count = write(log->newer, bytes + written, part);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        written += (size_t)count;
        log->end += (size_t)count;
    }
    return written;
}

/* ---- reading ---- */

size_t
maqet_logfile_read(const struct maqet_logfile *log, uint64_t *position, char *buffer,
                   size_t size)
{
    while (*position < log->end) {
        if (*position < log->begin)
            *position = log->begin;
        bool older = *position < log->middle;
        int fd = older ? log->older : log->newer;
        uint64_t first = older ? log->begin : log->middle;
        uint64_t last = older ? log->middle : log->end;
        size_t part = last - *position < size ? (size_t)(last - *position) : size;
        ssize_t count = pread(fd, buffer, part, (off_t)(*position - first));

        if (count > 0) {
            *position += (uint64_t)count;
            return (size_t)count;
        }
        /* It was shortened. */
        *position = last;
    }
    return 0;
}

void
maqet_logfile_refresh(struct maqet_logfile *log)
{
    struct stat ours, there;

    /* The last bytes before it was replaced are the writer's last before the rename. */
    bool replaced = log->newer < 0 ||
                    fstatat(log->dir_fd, log->name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
                    fstat(log->newer, &ours) < 0 || ours.st_dev != there.st_dev ||
                    ours.st_ino != there.st_ino;
    settle_middle(log);
    if (!replaced)
        return;
    int fd =
        openat(log->dir_fd, log->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (log->newer >= 0) {
        if (log->older >= 0)
            close(log->older);
        log->older = log->newer;
        log->begin = log->middle;
    }
    log->newer = fd;
    log->middle = log->end;
    log->end += size_of(fd);
}
