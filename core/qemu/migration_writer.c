/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <zstd.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/qemu/launch.h"

enum { CHUNK = 1 << 20 /* bytes of one read, and in the pipe */ };

/* ---- the child ---- */

/* Whether the other side has hung up. */
static bool
is_useless(int control)
{
    struct pollfd fd = {.fd = control, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* Compresses, or passes on, what is written to the file. */
struct packer {
    int file;
    ZSTD_CCtx *compressor; /* NULL: none */
    char *packed;
    size_t size;
};

/* Returns an error number, or 0. */
static int
packer_open(struct packer *packer, int file, bool compress)
{
    *packer = (struct packer){.file = file};
    if (!compress)
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

/* Writes; a length of 0 finishes. Returns an error number, or 0. */
static int
pack(struct packer *packer, const char *bytes, size_t length)
{
    ZSTD_inBuffer in = {.src = bytes, .size = length};
    ZSTD_EndDirective mode = length > 0 ? ZSTD_e_continue : ZSTD_e_end;
    size_t left;

    if (!packer->compressor)
        return maqet_fd_write(packer->file, bytes, length) < 0 ? errno : 0;
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

/* Reads to the end of the pipe. Returns the first error number; 0: all is written. */
static int
take(int source, int file, int control, bool compress)
{
    struct packer packer;
    char *bytes = malloc(CHUNK);
    int failed = packer_open(&packer, file, compress);
    char little[4096];

    if (!bytes)
        failed = ENOMEM;
    for (;;) {
        char *target = bytes ? bytes : little;
        ssize_t count = read(source, target, bytes ? CHUNK : sizeof(little));

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
    ZSTD_freeCCtx(packer.compressor);
    free(packer.packed);
    free(bytes);
    return failed;
}

struct writing {
    int source;
    size_t filled; /* bytes to skip */
    int file;
    bool compress;
};

static int
write_down(void *data, int control)
{
    const struct writing *writing = data;
    int failed;

    maqet_child_receive(control);
    fcntl(writing->source, F_SETPIPE_SZ, CHUNK); /* if that fails, it is only slower */
    skip(writing->source, writing->filled);
    failed = take(writing->source, writing->file, control, writing->compress);
    return send(control, &failed, sizeof(failed), MSG_NOSIGNAL) < 0;
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

struct maqet_writer *
maqet_writer_begin(int file, bool compress, struct maqet_error **err)
{
    struct writing writing = {.source = -1, .file = file, .compress = compress};
    int *const kept[] = {&writing.source, &writing.file};
    _cleanup_close_ int source = -1, pipe = -1;
    struct maqet_child child = MAQET_CHILD_INIT;

    if (maqet_pipe(&source, &pipe) == 0) {
        writing.source = source;
        writing.filled = fill(pipe);
        maqet_child_detach(&child, kept, 2, write_down, &writing);
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
maqet_writer_release(struct maqet_writer *writer)
{
    maqet_cleanup_close(&writer->pipe);
    writer->pipe = -1;
}

/* The child's result, an error number; EPIPE: it was killed. */
static int
read_result(const struct maqet_writer *writer)
{
    ssize_t count;
    int failed;

    do
        count = recv(writer->child.fd, &failed, sizeof(failed), MSG_WAITALL);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(failed) ? failed : EPIPE;
}

int
maqet_writer_end(struct maqet_writer *writer, bool useless, struct maqet_error **err)
{
    int failed = 0;

    maqet_writer_release(writer);
    if (!useless)
        failed = read_result(writer);
    close(writer->source);
    close(writer->pidfd);
    if (useless)
        maqet_child_leave(&writer->child);
    else
        maqet_child_reap(&writer->child);
    free(writer);
    if (failed == EPIPE)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "The process that wrote the guest's memory was killed");
    return failed == 0
               ? 0
               : maqet_error_errno(err, failed, "Cannot write the guest's memory");
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
