/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <zstd.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/qemu/launch.h"

enum { CHUNK = 1 << 20 /* bytes of one read, and in the pipe */ };

/* What the child works with. */
struct writing {
    int source;
    size_t filled;                /* bytes to skip */
    struct maqet_split_plan plan; /* its file for the rest: for all, if it is not split */
    bool splits;
    bool compress;
};

/* What the parent gets. */
struct written {
    int failed;      /* an error number, or 0 */
    char whole[128]; /* why it was not split; "": it was, or was not to be */
};

/* ---- the child ---- */

/* Whether the other side has hung up, or said so. */
static bool
is_useless(int control)
{
    struct pollfd fd = {.fd = control, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* Compresses, splits, or passes on, what is written to the file. */
struct packer {
    int file;
    struct maqet_split *split; /* NULL: it is not split */
    ZSTD_CCtx *compressor;     /* NULL: none */
    char *packed;
    size_t size;
};

/* Returns an error number, or 0. */
static int
packer_open(struct packer *packer, const struct writing *writing)
{
    *packer = (struct packer){.file = writing->plan.rest};
    if (writing->splits) {
        packer->split = maqet_split_new(&writing->plan);
        return packer->split ? 0 : ENOMEM;
    }
    if (!writing->compress)
        return 0;
    packer->size = ZSTD_CStreamOutSize();
    packer->packed = malloc(packer->size);
    packer->compressor = ZSTD_createCCtx();
    if (!packer->packed || !packer->compressor)
        return ENOMEM;
    ZSTD_CCtx_setParameter(packer->compressor, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(packer->compressor, ZSTD_c_checksumFlag, 1);
    return 0;
}

static void
packer_close(struct packer *packer)
{
    maqet_split_free(packer->split);
    ZSTD_freeCCtx(packer->compressor);
    free(packer->packed);
}

/* Returns an error number, or 0. */
static int
compress(struct packer *packer, const char *bytes, size_t length)
{
    ZSTD_inBuffer in = {.src = bytes, .size = length};
    ZSTD_EndDirective mode = length > 0 ? ZSTD_e_continue : ZSTD_e_end;
    size_t left;

    do {
        ZSTD_outBuffer out = {.dst = packer->packed, .size = packer->size};

        left = ZSTD_compressStream2(packer->compressor, &out, &in, mode);
        if (ZSTD_isError(left))
            return EIO;
        if (maqet_fd_write(packer->file, packer->packed, out.pos) < 0)
            return errno;
    } while (mode == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return 0;
}

/* Writes; a length of 0 finishes. Returns an error number, or 0. */
static int
pack(struct packer *packer, const char *bytes, size_t length)
{
    if (packer->split)
        return length > 0 ? maqet_split_feed(packer->split, bytes, length)
                          : maqet_split_finish(packer->split);
    if (packer->compressor)
        return compress(packer, bytes, length);
    return maqet_fd_write(packer->file, bytes, length) < 0 ? errno : 0;
}

/* Reads what the pipe was filled with. */
static void
skip(int source, size_t count)
{
    char bytes[4096];

    while (count > 0) {
        ssize_t got = read(source, bytes, count < sizeof(bytes) ? count : sizeof(bytes));

        if (got == 0 || (got < 0 && errno != EINTR))
            return;
        if (got > 0)
            count -= (size_t)got;
    }
}

/* Reads to the end of the pipe, and fills what the parent gets. */
static void
take(const struct writing *writing, int control, struct written *written)
{
    struct packer packer;
    char *bytes = malloc(CHUNK);
    int failed = packer_open(&packer, writing);
    char little[4096];

    if (!bytes)
        failed = ENOMEM;
    for (;;) {
        char *target = bytes ? bytes : little;
        ssize_t count = read(writing->source, target, bytes ? CHUNK : sizeof(little));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && failed == 0)
            failed = errno;
        if (failed == 0 && is_useless(control))
            failed = ECANCELED;
        if (failed == 0)
            failed = pack(&packer, target, (size_t)count);
        if (count <= 0)
            break;
    }
    written->failed = failed;
    if (packer.split && maqet_split_whole(packer.split))
        snprintf(written->whole, sizeof(written->whole), "%s",
                 maqet_split_whole(packer.split));
    packer_close(&packer);
    free(bytes);
}

static int
write_down(void *data, int control)
{
    const struct writing *writing = data;
    struct written written = {0};

    maqet_child_receive(control);
    fcntl(writing->source, F_SETPIPE_SZ, CHUNK); /* if that fails, it is only slower */
    skip(writing->source, writing->filled);
    take(writing, control, &written);
    return send(control, &written, sizeof(written), MSG_NOSIGNAL) < 0;
}

/* ---- the parent ---- */

/* Fills a pipe, so that writers block until it is read. Returns the number of bytes. */
static size_t
fill(int pipe)
{
    static const char nothing[4096];
    int flags = fcntl(pipe, F_GETFL);
    size_t filled = 0;
    ssize_t count;

    fcntl(pipe, F_SETFL, flags | O_NONBLOCK);
    while ((count = write(pipe, nothing, sizeof(nothing))) > 0)
        filled += (size_t)count;
    fcntl(pipe, F_SETFL, flags);
    return filled;
}

static struct maqet_writer *
begin(struct writing *writing, struct maqet_error **err)
{
    int *const kept[] = {&writing->source, &writing->plan.rest, &writing->plan.memory};
    _cleanup_close_ int source = -1, pipe = -1;
    struct maqet_child child = MAQET_CHILD_INIT;

    if (maqet_pipe(&source, &pipe) == 0) {
        writing->source = source;
        writing->filled = fill(pipe);
        maqet_child_detach(&child, kept, 3, write_down, writing);
    }
    if (child.pid <= 0) {
        maqet_error_errno(err, errno, "Cannot write the guest's memory");
        return NULL;
    }
    struct maqet_writer *writer = maqet_alloc(sizeof(*writer));
    *writer = (struct maqet_writer){.child = child,
                                    .pipe = TAKE_FD(pipe),
                                    .source = TAKE_FD(source),
                                    .pidfd = maqet_pidfd_open(child.pid)};
    return writer;
}

struct maqet_writer *
maqet_writer_begin(int file, bool compress, struct maqet_error **err)
{
    struct writing writing = {
        .source = -1, .plan = {.rest = file, .memory = -1}, .compress = compress};

    return begin(&writing, err);
}

struct maqet_writer *
maqet_writer_begin_split(const struct maqet_split_plan *plan, struct maqet_error **err)
{
    struct writing writing = {.source = -1, .plan = *plan, .splits = true};

    return begin(&writing, err);
}

void
maqet_drain(int source)
{
    char bytes[4096];
    ssize_t count;

    do
        count = read(source, bytes, sizeof(bytes));
    while (count > 0 || (count < 0 && errno == EINTR));
}

void
maqet_writer_take(struct maqet_writer *writer)
{
    /* If the child was killed, maqet_writer_end() notices. */
    if (!writer->taking && maqet_child_send(&writer->child, 't'))
        writer->taking = true;
}

void
maqet_writer_discard(struct maqet_writer *writer)
{
    maqet_writer_take(writer);
    maqet_child_send(&writer->child, 'd');
}

void
maqet_writer_release(struct maqet_writer *writer)
{
    maqet_cleanup_close(&writer->pipe);
    writer->pipe = -1;
}

/* Reads what the child sends. EPIPE: it was killed. */
static void
read_result(const struct maqet_writer *writer, struct written *written)
{
    ssize_t count;

    do
        count = recv(writer->child.fd, written, sizeof(*written), MSG_WAITALL);
    while (count < 0 && errno == EINTR);
    if (count != (ssize_t)sizeof(*written))
        *written = (struct written){.failed = EPIPE};
}

int
maqet_writer_end(struct maqet_writer *writer, bool useless, char **whole,
                 struct maqet_error **err)
{
    struct written written = {0};

    maqet_writer_release(writer);
    if (!useless)
        read_result(writer, &written);
    close(writer->source);
    close(writer->pidfd);
    if (useless)
        maqet_child_leave(&writer->child);
    else
        maqet_child_reap(&writer->child);
    free(writer);
    if (whole && *written.whole)
        *whole = maqet_strdup(written.whole);
    if (written.failed == EPIPE)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "The process that wrote the guest's memory was killed");
    return written.failed == 0 ? 0
                               : maqet_error_errno(err, written.failed,
                                                   "Cannot write the guest's memory");
}

/* ---- decompression ---- */

struct unpacking {
    int file;
    int target;
};

/* Decompresses the file to the pipe, as long as it is read. */
static int
unpack(void *data, int fd)
{
    const struct unpacking *unpacking = data;
    size_t size = ZSTD_DStreamInSize(), room = ZSTD_DStreamOutSize();
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    char *packed = malloc(size), *bytes = malloc(room);
    ssize_t count;

    (void)fd;
    if (!decompressor || !packed || !bytes)
        return 1;
    while ((count = read(unpacking->file, packed, size)) > 0) {
        ZSTD_inBuffer in = {.src = packed, .size = (size_t)count};

        while (in.pos < in.size) {
            ZSTD_outBuffer out = {.dst = bytes, .size = room};

            if (ZSTD_isError(ZSTD_decompressStream(decompressor, &out, &in)) ||
                maqet_fd_write(unpacking->target, bytes, out.pos) < 0)
                return 1;
        }
    }
    return 0;
}

int
maqet_writer_unpack(int file, struct maqet_error **err)
{
    struct unpacking unpacking = {.file = file, .target = -1};
    int *const kept[] = {&unpacking.file, &unpacking.target};
    struct maqet_child child = MAQET_CHILD_INIT;
    _cleanup_close_ int source = -1;

    if (maqet_pipe(&source, &unpacking.target) == 0) {
        fcntl(unpacking.target, F_SETPIPE_SZ, CHUNK);
        maqet_child_detach(&child, kept, 2, unpack, &unpacking);
    }
    int number = errno;
    maqet_cleanup_close(&unpacking.target);
    if (child.pid <= 0)
        return maqet_error_errno(err, number, "Cannot read the guest's memory");
    maqet_child_leave(&child); /* it ends when the pipe is closed */
    return TAKE_FD(source);
}
