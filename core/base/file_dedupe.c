/* SPDX-License-Identifier: MIT */
#include "core/base/file_dedupe.h"

#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/interrupt.h"
#include "core/base/text.h"

enum {
    BLOCK = 4096,     /* bytes that are equal or not */
    BUFFER = 1 << 20, /* bytes that are compared at once */
    /* Bytes that are shared at least: a file in many small pieces is slow to read. */
    LEAST = 64 * 1024,
};

struct deduping {
    int from;
    int to;
    char *left, *right;
    uint64_t begin, end; /* equal data that is not shared yet */
    uint64_t shared;
    bool useless; /* the file system does not share, or the files have changed */
};

/* Lets the kernel share a range, or a part of it. Returns how many bytes; negative: it does not. With a
 * length of 0, whether the file system can at all. */
static int64_t
share_range(const struct deduping *deduping, uint64_t begin, uint64_t length)
{
    _cleanup_free_ struct file_dedupe_range *range =
        maqet_alloc(sizeof(*range) + sizeof(*range->info));

    range->src_offset = begin;
    range->src_length = length;
    range->dest_count = 1;
    range->info[0].dest_fd = deduping->to;
    range->info[0].dest_offset = begin;
    if (ioctl(deduping->from, FIDEDUPERANGE, range) < 0 ||
        range->info[0].status != FILE_DEDUPE_RANGE_SAME)
        return -1;
    return (int64_t)range->info[0].bytes_deduped;
}

/* Shares what was found equal. */
static void
share(struct deduping *deduping)
{
    while (!deduping->useless && deduping->end - deduping->begin >= LEAST) {
        int64_t count =
            share_range(deduping, deduping->begin, deduping->end - deduping->begin);

        deduping->useless = count <= 0;
        deduping->shared += count > 0 ? (uint64_t)count : 0;
        deduping->begin += count > 0 ? (uint64_t)count : 0;
    }
}

/* The next block is equal, or not. */
static void
note(struct deduping *deduping, uint64_t offset, bool equal)
{
    if (!equal || offset != deduping->end) {
        share(deduping);
        deduping->begin = offset;
    }
    deduping->end = equal ? offset + BLOCK : deduping->begin;
}

/* Compares both from an offset, whole blocks only. Returns where it goes on; the same offset: there is no
 * more. */
static uint64_t
compare(struct deduping *deduping, uint64_t offset, uint64_t end)
{
    size_t size = end - offset < BUFFER ? (size_t)(end - offset) : BUFFER;
    ssize_t left = pread(deduping->from, deduping->left, size, (off_t)offset);
    ssize_t right = pread(deduping->to, deduping->right, size, (off_t)offset);
    ssize_t count = (left < right ? left : right) / BLOCK * BLOCK;

    for (ssize_t at = 0; at < count && !deduping->useless; at += BLOCK)
        note(deduping, offset + (uint64_t)at,
             memcmp(deduping->left + at, deduping->right + at, BLOCK) == 0);
    return offset + (uint64_t)(count > 0 ? count : 0);
}

/* Where data begins at or after an offset; @size: nowhere. */
static uint64_t
next_data(int fd, uint64_t offset, uint64_t size)
{
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

    return data < 0 ? size : (uint64_t)data / BLOCK * BLOCK;
}

static uint64_t
end_of_data(int fd, uint64_t offset, uint64_t size)
{
    off_t hole = lseek(fd, (off_t)offset, SEEK_HOLE);

    return hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
}

static void
compare_data(struct deduping *deduping, uint64_t begin, uint64_t end)
{
    for (uint64_t at = begin; at < end && !deduping->useless;) {
        uint64_t next = compare(deduping, at, end);

        if (next == at || maqet_interrupt_number() != 0)
            deduping->useless = true;
        at = next;
    }
}

uint64_t
maqet_file_dedupe(int from, int to)
{
    _cleanup_free_ char *left = maqet_alloc(BUFFER), *right = maqet_alloc(BUFFER);
    struct deduping deduping = {.from = from, .to = to, .left = left, .right = right};
    struct stat status;

    if (fstat(to, &status) < 0 || share_range(&deduping, 0, 0) < 0)
        return 0;
    uint64_t size = (uint64_t)status.st_size / BLOCK * BLOCK;
    for (uint64_t at = next_data(to, 0, size); at < size && !deduping.useless;) {
        uint64_t end = end_of_data(to, at, size);

        compare_data(&deduping, at, end);
        at = next_data(to, end, size);
    }
    share(&deduping);
    return deduping.shared;
}
