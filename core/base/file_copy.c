/* SPDX-License-Identifier: MIT */
#include "core/base/file_copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/interrupt.h"

enum { PIECE = 8 * 1024 * 1024, BUFFER = 1024 * 1024 };

struct copying {
    int from;
    int to;
    const char *path;
    bool by_hand; /* the kernel does not copy between these files */
    char *buffer;
};

static int
error_system(const struct copying *copying, struct maqet_error **err)
{
    return maqet_error_errno(err, errno, "Cannot write %s", copying->path);
}

/* Copies at most one buffer at an offset. Returns how much, 0 at the end of the file, or -1 and
 * errno. */
static ssize_t
copy_by_hand(struct copying *copying, off_t at, size_t size)
{
    ssize_t got =
        pread(copying->from, copying->buffer, size < BUFFER ? size : BUFFER, at);

    for (ssize_t done = 0; done < got;) {
        ssize_t put =
            pwrite(copying->to, copying->buffer + done, (size_t)(got - done), at + done);

        if (put < 0 && errno != EINTR)
            return -1;
        done += put > 0 ? put : 0;
    }
    return got;
}

static ssize_t
copy_piece(struct copying *copying, off_t at, size_t size)
{
    off_t in = at, out = at;

    if (!copying->by_hand) {
        ssize_t moved = copy_file_range(copying->from, &in, copying->to, &out, size, 0);

        if (moved > 0 || (moved < 0 && (errno == EINTR || errno == ENOSPC)))
            return moved;
        /* Some file systems refuse it, and some report an end that is not there. */
        copying->by_hand = true;
    }
    return copy_by_hand(copying, at, size);
}

/* Copies from one offset to another. */
static int
copy_range(struct copying *copying, off_t at, off_t end, off_t total,
           maqet_file_copy_report *report, void *data, struct maqet_error **err)
{
    while (at < end) {
        size_t size = end - at < PIECE ? (size_t)(end - at) : PIECE;
        ssize_t moved;

        if (maqet_interrupt_check(err) < 0)
            return -1;
        moved = copy_piece(copying, at, size);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0)
            return error_system(copying, err);
        if (moved == 0) /* it has become shorter */
            return maqet_error_set(err, MAQET_ERROR_STATE,
                                   "Cannot write %s: the file that is copied has "
                                   "changed meanwhile",
                                   copying->path);
        at += moved;
        if (report)
            report(data, (uint64_t)at, (uint64_t)total);
    }
    return 0;
}

static int
copy_data(struct copying *copying, off_t size, maqet_file_copy_report *report, void *data,
          struct maqet_error **err)
{
    for (off_t at = 0; at < size;) {
        off_t begin = lseek(copying->from, at, SEEK_DATA);

        if (begin < 0 && errno == ENXIO) /* only a hole is left */
            break;
        off_t end = begin < 0 ? size : lseek(copying->from, begin, SEEK_HOLE);
        if (begin < 0) /* the file system does not know */
            begin = at;
        if (end < 0 || end > size)
            end = size;
        if (copy_range(copying, begin, end, size, report, data, err) < 0)
            return -1;
        at = end;
    }
    return 0;
}

int
maqet_file_copy(int from, int to, const char *path, maqet_file_copy_report *report,
                void *data, bool *shared, struct maqet_error **err)
{
    _cleanup_free_ char *buffer = maqet_alloc(BUFFER);
    struct copying copying = {.from = from, .to = to, .path = path, .buffer = buffer};
    struct stat status;

    *shared = ioctl(to, FICLONE, from) == 0;
    if (*shared)
        return 0;
    if (fstat(from, &status) < 0 || ftruncate(to, status.st_size) < 0)
        return error_system(&copying, err);
    return copy_data(&copying, status.st_size, report, data, err);
}
