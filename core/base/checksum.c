/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/checksum.h"

#define BUFFER_SIZE (1024 * 1024)

#define _cleanup_xxh3_ _cleanup_(xxh3_free)

static void
xxh3_free(XXH3_state_t **state)
{
    XXH3_freeState(*state);
}

static char *
digest_text(XXH128_hash_t digest)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, digest);
    maqet_text_append(&text, "xxh3:");
    for (size_t i = 0; i < sizeof(canonical.digest); i++)
        maqet_text_appendf(&text, "%02x", canonical.digest[i]);
    return maqet_text_take(&text);
}

char *
maqet_text_checksum(const char *text)
{
    return digest_text(XXH3_128bits(text, strlen(text)));
}

char *
maqet_fd_checksum_watched(int fd, const char *name, uint64_t limit,
                          int (*watch)(void *data, uint64_t done,
                                       struct maqet_error **err),
                          void *data, struct maqet_error **err)
{
    _cleanup_free_ char *buffer = maqet_alloc(BUFFER_SIZE);
    _cleanup_xxh3_ XXH3_state_t *state = XXH3_createState();
    uint64_t done = 0;

    if (!state)
        abort(); /* out of memory, as in text.h */
    XXH3_128bits_reset(state);
    while (done < limit) {
        uint64_t left = limit - done;
        size_t want = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
        ssize_t count = pread(fd, buffer, want, (off_t)done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            maqet_error_errno(err, errno, "cannot read %s", name);
            return NULL;
        }
        if (count == 0)
            break;
        XXH3_128bits_update(state, buffer, (size_t)count);
        done += (uint64_t)count;
        if (watch && watch(data, done, err) < 0)
            return NULL;
    }
    return digest_text(XXH3_128bits_digest(state));
}

char *
maqet_fd_checksum(int fd, const char *name, uint64_t limit, struct maqet_error **err)
{
    return maqet_fd_checksum_watched(fd, name, limit, NULL, NULL, err);
}

/* ---- files with holes ---- */

enum { PAGE = 4096 };

/* Adds the pages that are not zero, each with its number. */
static void
add_pages(XXH3_state_t *state, const char *bytes, size_t length, uint64_t offset)
{
    static const char zeros[PAGE];

    for (size_t at = 0; at < length; at += PAGE) {
        size_t size = length - at < PAGE ? length - at : PAGE;
        uint64_t number = htobe64((offset + at) / PAGE);

        if (memcmp(bytes + at, zeros, size) == 0)
            continue;
        XXH3_128bits_update(state, &number, sizeof(number));
        XXH3_128bits_update(state, bytes + at, size);
    }
}

/* The next offset with data, a multiple of a page; @end: there is none. Where holes are not
 * known, everything is data. */
static uint64_t
next_data(int fd, uint64_t offset, uint64_t end)
{
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

    if (data < 0)
        return errno == ENXIO ? end : offset;
    return (uint64_t)data / PAGE * PAGE;
}

/* Reads until the buffer is full, or the file has ended. -1 and errno. */
static ssize_t
read_all(int fd, char *buffer, uint64_t offset)
{
    size_t done = 0;

    while (done < BUFFER_SIZE) {
        ssize_t count =
            pread(fd, buffer + done, BUFFER_SIZE - done, (off_t)(offset + done));

        if (count == 0)
            break;
        if (count > 0)
            done += (size_t)count;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)done;
}

char *
maqet_fd_checksum_sparse(int fd, const char *name,
                         void (*progress)(void *data, uint64_t done, uint64_t total),
                         void *data, struct maqet_error **err)
{
    _cleanup_free_ char *buffer = maqet_alloc(BUFFER_SIZE);
    _cleanup_xxh3_ XXH3_state_t *state = XXH3_createState();
    struct stat status;

    if (!state)
        abort(); /* out of memory, as in text.h */
    XXH3_128bits_reset(state);
    if (fstat(fd, &status) < 0) {
        maqet_error_errno(err, errno, "cannot read %s", name);
        return NULL;
    }
    uint64_t end = (uint64_t)status.st_size, big = htobe64(end), done = 0;
    XXH3_128bits_update(state, &big, sizeof(big));
    while ((done = next_data(fd, done, end)) < end) {
        ssize_t count = read_all(fd, buffer, done);

        if (count < 0) {
            maqet_error_errno(err, errno, "cannot read %s", name);
            return NULL;
        }
        if (count == 0)
            break;
        add_pages(state, buffer, (size_t)count, done);
        done += (uint64_t)count;
        if (progress)
            progress(data, done, end);
    }
    return digest_text(XXH3_128bits_digest(state));
}
