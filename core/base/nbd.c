/* SPDX-License-Identifier: MIT */
#include "core/base/nbd.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/interrupt.h"

/* NBD: doc/proto.md, "Values". */
#define GREETING UINT64_C(0x4e42444d41474943)
#define OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define OPTION_REPLY_MAGIC UINT64_C(0x3e889045565a9)
#define REQUEST_MAGIC 0x25609513U
#define SIMPLE_MAGIC 0x67446698U
#define STRUCTURED_MAGIC 0x668e33efU
enum {
    FIXED_NEWSTYLE = 1,
    OPTION_GO = 7,
    OPTION_STRUCTURED = 8,
    REPLY_ACK = 1,
    REPLY_INFO = 3,
    INFO_EXPORT = 0,
    FLAG_READ_ONLY = 1 << 1,
    FLAG_SEND_FLUSH = 1 << 2,
    FLAG_SEND_ZEROES = 1 << 6,
    COMMAND_READ = 0,
    COMMAND_DISCONNECT = 2,
    COMMAND_FLUSH = 3,
    COMMAND_ZERO = 6,
    CHUNK_DONE = 1,
    CHUNK_NONE = 0,
    CHUNK_DATA = 1,
    CHUNK_HOLE = 2,
    CHUNK_ERROR = 1 << 15,
};
enum { REPLY_MAX = 64 * 1024 };

/* ---- bytes ---- */

static int
error_protocol(struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "The NBD server sent something unexpected");
}

/* Waits until the server sends or takes bytes. */
static int
wait_for(const struct maqet_nbd *nbd, short events, struct maqet_error **err)
{
    struct pollfd fds[] = {{.fd = nbd->fd, .events = events},
                           {.fd = maqet_interrupt_fd(), .events = POLLIN}};

    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot wait for the NBD server");
    return fds[1].revents ? maqet_interrupt_check(err) : 0;
}

static int
receive(const struct maqet_nbd *nbd, void *buffer, size_t size, struct maqet_error **err)
{
    for (size_t done = 0; done < size;) {
        if (wait_for(nbd, POLLIN, err) < 0)
            return -1;
        ssize_t got = recv(nbd->fd, (char *)buffer + done, size - done, MSG_DONTWAIT);
        if (got == 0)
            return maqet_error_set(err, MAQET_ERROR_FAILED, "The NBD server has ended");
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return maqet_error_errno(err, errno, "The NBD server cannot be read");
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* Requests are short. */
static int
transmit(const struct maqet_nbd *nbd, const void *bytes, size_t size,
         struct maqet_error **err)
{
    for (size_t done = 0; done < size;) {
        if (wait_for(nbd, POLLOUT, err) < 0)
            return -1;
        ssize_t sent = send(nbd->fd, (const char *)bytes + done, size - done,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return maqet_error_errno(err, errno, "The NBD server takes no requests");
        done += sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

/* ---- the beginning ---- */

struct __attribute__((packed)) option {
    uint64_t magic;
    uint32_t option, length;
};

struct __attribute__((packed)) option_reply {
    uint64_t magic;
    uint32_t option, type, length;
};

static int
ask(const struct maqet_nbd *nbd, uint32_t option, const void *data, uint32_t length,
    struct maqet_error **err)
{
    const struct option header = {.magic = htobe64(OPTION_MAGIC),
                                  .option = htobe32(option),
                                  .length = htobe32(length)};

    return transmit(nbd, &header, sizeof(header), err) < 0
               ? -1
               : transmit(nbd, data, length, err);
}

/* Reads replies up to the last one. *type: of that; *flags (may be NULL): of the export. */
static int
read_replies(struct maqet_nbd *nbd, uint32_t *type, uint16_t *flags,
             struct maqet_error **err)
{
    struct __attribute__((packed)) {
        uint16_t info;
        uint64_t size;
        uint16_t flags;
    } export;
    struct option_reply reply;

    do {
        if (receive(nbd, &reply, sizeof(reply), err) < 0)
            return -1;
        uint32_t length = be32toh(reply.length);
        *type = be32toh(reply.type);
        if (be64toh(reply.magic) != OPTION_REPLY_MAGIC || length > REPLY_MAX)
            return error_protocol(err);
        if (receive(nbd, nbd->buffer, length, err) < 0)
            return -1;
        if (!flags || *type != REPLY_INFO || length != sizeof(export))
            continue;
        memcpy(&export, nbd->buffer, sizeof(export));
        if (be16toh(export.info) == INFO_EXPORT) {
            nbd->size = be64toh(export.size);
            *flags = be16toh(export.flags);
        }
    } while (*type == REPLY_INFO);
    return 0;
}

int
maqet_nbd_begin(struct maqet_nbd *nbd, int fd, struct maqet_error **err)
{
    struct __attribute__((packed)) {
        uint64_t greeting, magic;
        uint16_t flags;
    } hello;
    /* The default export, and no more information than there must be. */
    static const unsigned char go[6];
    const uint32_t ours = htobe32(FIXED_NEWSTYLE);
    uint32_t structured, type;
    uint16_t flags = 0;

    *nbd = (struct maqet_nbd){.fd = fd, .buffer = maqet_alloc(MAQET_NBD_MAX)};
    if (receive(nbd, &hello, sizeof(hello), err) < 0)
        return -1;
    if (be64toh(hello.greeting) != GREETING || be64toh(hello.magic) != OPTION_MAGIC)
        return error_protocol(err);
    if (transmit(nbd, &ours, sizeof(ours), err) < 0 ||
        ask(nbd, OPTION_STRUCTURED, NULL, 0, err) < 0 ||
        read_replies(nbd, &structured, NULL, err) < 0 ||
        ask(nbd, OPTION_GO, go, sizeof(go), err) < 0 ||
        read_replies(nbd, &type, &flags, err) < 0)
        return -1;
    if (type != REPLY_ACK)
        return error_protocol(err);
    if (structured == REPLY_ACK && flags & FLAG_SEND_FLUSH && flags & FLAG_SEND_ZEROES &&
        !(flags & FLAG_READ_ONLY))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "The NBD server cannot tell what it stores, or cannot make it "
                           "zero");
}

/* ---- requests ---- */

struct __attribute__((packed)) request {
    uint32_t magic;
    uint16_t flags, type;
    uint64_t cookie, offset;
    uint32_t length;
};

static int
request(struct maqet_nbd *nbd, uint16_t type, uint64_t offset, uint32_t length,
        struct maqet_error **err)
{
    const struct request header = {.magic = htobe32(REQUEST_MAGIC),
                                   .type = htobe16(type),
                                   .cookie = htobe64(++nbd->cookie),
                                   .offset = htobe64(offset),
                                   .length = htobe32(length)};

    return transmit(nbd, &header, sizeof(header), err);
}

void
maqet_nbd_clear(struct maqet_nbd *nbd)
{
    if (nbd->fd >= 0) {
        request(nbd, COMMAND_DISCONNECT, 0, 0, NULL);
        close(nbd->fd);
    }
    free(nbd->buffer);
    *nbd = MAQET_NBD_INIT;
}

static int
error_answer(uint32_t number, struct maqet_error **err)
{
    return maqet_error_set(err,
                           number == ENOSPC ? MAQET_ERROR_NO_SPACE : MAQET_ERROR_FAILED,
                           "The NBD server reports: %s", strerror((int)number));
}

/* A part of the answer to a request; its data follows. */
struct chunk {
    bool last;
    uint16_t type;
    uint32_t length;
};

static int
read_chunk(const struct maqet_nbd *nbd, struct chunk *chunk, struct maqet_error **err)
{
    struct __attribute__((packed)) {
        uint16_t flags, type;
        uint64_t cookie;
        uint32_t length;
    } structured;
    struct __attribute__((packed)) {
        uint32_t error;
        uint64_t cookie;
    } simple;
    uint32_t magic;

    if (receive(nbd, &magic, sizeof(magic), err) < 0)
        return -1;
    if (be32toh(magic) == SIMPLE_MAGIC) {
        *chunk = (struct chunk){.last = true};
        if (receive(nbd, &simple, sizeof(simple), err) < 0)
            return -1;
        if (be64toh(simple.cookie) != nbd->cookie)
            return error_protocol(err);
        return simple.error ? error_answer(be32toh(simple.error), err) : 0;
    }
    if (be32toh(magic) != STRUCTURED_MAGIC)
        return error_protocol(err);
    if (receive(nbd, &structured, sizeof(structured), err) < 0)
        return -1;
    *chunk = (struct chunk){.last = be16toh(structured.flags) & CHUNK_DONE,
                            .type = be16toh(structured.type),
                            .length = be32toh(structured.length)};
    return be64toh(structured.cookie) == nbd->cookie && chunk->length <= MAQET_NBD_MAX + 8
               ? 0
               : error_protocol(err);
}

/* An error that the server describes; further parts of the answer are not read. */
static int
read_error(const struct maqet_nbd *nbd, const struct chunk *chunk,
           struct maqet_error **err)
{
    uint32_t number;

    if (chunk->length < sizeof(number) || chunk->length > REPLY_MAX)
        return error_protocol(err);
    if (receive(nbd, nbd->buffer, chunk->length, err) < 0)
        return -1;
    memcpy(&number, nbd->buffer, sizeof(number));
    return error_answer(be32toh(number), err);
}

static int
finish(const struct maqet_nbd *nbd, struct maqet_error **err)
{
    struct chunk chunk;

    if (read_chunk(nbd, &chunk, err) < 0)
        return -1;
    if (chunk.type & CHUNK_ERROR)
        return read_error(nbd, &chunk, err);
    return chunk.last && chunk.length == 0 ? 0 : error_protocol(err);
}

int
maqet_nbd_read(struct maqet_nbd *nbd, uint64_t offset, uint32_t length,
               void (*stored)(void *data, uint64_t offset, const unsigned char *bytes,
                              size_t count),
               void *data, struct maqet_error **err)
{
    struct chunk chunk = {0};
    uint64_t at;

    if (request(nbd, COMMAND_READ, offset, length, err) < 0)
        return -1;
    while (!chunk.last) {
        if (read_chunk(nbd, &chunk, err) < 0)
            return -1;
        if (chunk.type & CHUNK_ERROR)
            return read_error(nbd, &chunk, err);
        if (chunk.type == CHUNK_NONE && chunk.length == 0 && chunk.last)
            break;
        if ((chunk.type != CHUNK_DATA && chunk.type != CHUNK_HOLE) ||
            chunk.length < sizeof(at))
            return error_protocol(err);
        uint32_t count = chunk.length - (uint32_t)sizeof(at);
        if (receive(nbd, &at, sizeof(at), err) < 0 ||
            receive(nbd, nbd->buffer, count, err) < 0)
            return -1;
        at = be64toh(at);
        if (at < offset || at - offset > length || count > length - (at - offset))
            return error_protocol(err);
        if (chunk.type == CHUNK_DATA)
            stored(data, at, nbd->buffer, count);
    }
    return 0;
}

int
maqet_nbd_zero(struct maqet_nbd *nbd, uint64_t offset, uint32_t length,
               struct maqet_error **err)
{
    return request(nbd, COMMAND_ZERO, offset, length, err) < 0 ? -1 : finish(nbd, err);
}

int
maqet_nbd_flush(struct maqet_nbd *nbd, struct maqet_error **err)
{
    return request(nbd, COMMAND_FLUSH, 0, 0, err) < 0 ? -1 : finish(nbd, err);
}
