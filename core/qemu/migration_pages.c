/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_pages.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/qemu/migration_preamble.h"

enum {
    PAGE = MAQET_SPLIT_PAGE,
    RUN = 64 * PAGE,  /* bytes of neighbouring pages that are written at once */
    KEPT = 64 * 1024, /* bytes of the rest that are written at once */
};

bool
maqet_pages_open(struct maqet_pages *pages, const struct maqet_split_plan *plan)
{
    *pages = (struct maqet_pages){
        .memory = plan->memory,
        .rest = plan->rest,
        .size = plan->size,
        .seen = calloc(1, (size_t)(plan->size / PAGE / 8 + 1)),
        .run = malloc(RUN),
        .kept = malloc(KEPT),
    };
    return pages->seen && pages->run && pages->kept;
}

void
maqet_pages_close(struct maqet_pages *pages)
{
    free(pages->seen);
    free(pages->run);
    free(pages->kept);
}

/* ---- the rest ---- */

static void
flush_kept(struct maqet_pages *pages)
{
    if (!pages->failed &&
        maqet_fd_write(pages->rest, pages->kept, pages->kept_length) < 0)
        pages->failed = errno;
    pages->kept_length = 0;
}

void
maqet_pages_keep(struct maqet_pages *pages, const void *bytes, size_t length)
{
    for (const char *at = bytes; length > 0;) {
        size_t room = KEPT - pages->kept_length;
        size_t count = length < room ? length : room;

        memcpy(pages->kept + pages->kept_length, at, count);
        pages->kept_length += count;
        if (pages->kept_length == KEPT)
            flush_kept(pages);
        at += count;
        length -= count;
    }
}

void
maqet_pages_keep_number(struct maqet_pages *pages, uint64_t number)
{
    const uint64_t big = htobe64(number);

    maqet_pages_keep(pages, &big, sizeof(big));
}

/* ---- the memory ---- */

static void
write_at(struct maqet_pages *pages, const void *bytes, size_t length, uint64_t offset)
{
    for (size_t done = 0; !pages->failed && done < length;) {
        ssize_t count = pwrite(pages->memory, (const char *)bytes + done, length - done,
                               (off_t)(offset + done));

        if (count < 0 && errno != EINTR)
            pages->failed = errno;
        if (count > 0)
            done += (size_t)count;
    }
}

static void
flush_run(struct maqet_pages *pages)
{
    write_at(pages, pages->run, pages->run_length, pages->run_offset);
    pages->run_length = 0;
}

/* Makes a page zero that was written before. */
static void
erase(struct maqet_pages *pages, uint64_t offset)
{
    static const unsigned char zeros[PAGE];

    flush_run(pages);
    if (fallocate(pages->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)offset, PAGE) < 0)
        write_at(pages, zeros, PAGE, offset);
}

static bool
is_seen(const struct maqet_pages *pages, uint64_t offset)
{
    uint64_t number = offset / PAGE;

    return pages->seen[number / 8] & (1U << number % 8);
}

void
maqet_pages_set(struct maqet_pages *pages, uint64_t offset, const void *page)
{
    uint64_t number = offset / PAGE;

    if (!page && is_seen(pages, offset))
        erase(pages, offset);
    pages->any = true;
    pages->seen[number / 8] |= (unsigned char)(1U << number % 8);
    if (!page)
        return;
    if (pages->run_length == RUN || offset != pages->run_offset + pages->run_length)
        flush_run(pages);
    if (pages->run_length == 0)
        pages->run_offset = offset;
    memcpy(pages->run + pages->run_length, page, PAGE);
    pages->run_length += PAGE;
}

/* ---- one again ---- */

static bool
is_zero(const unsigned char *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Reads a page of the file, beyond whose end there are zeros. */
static void
read_page(struct maqet_pages *pages, uint64_t offset, unsigned char *page)
{
    size_t done = 0;

    while (!pages->failed && done < PAGE) {
        ssize_t count =
            pread(pages->memory, page + done, PAGE - done, (off_t)(offset + done));

        if (count < 0 && errno != EINTR)
            pages->failed = errno;
        if (count == 0)
            break;
        if (count > 0)
            done += (size_t)count;
    }
    memset(page + done, 0, PAGE - done);
}

/* Appends a record. The block is named in the first one. */
static void
keep_record(struct maqet_pages *pages, const char *block, uint64_t offset,
            const unsigned char *page)
{
    static const unsigned char zero = 0;
    unsigned flags = is_zero(page) ? MAQET_RECORD_ZERO : MAQET_RECORD_PAGE;
    unsigned char length = block ? (unsigned char)strlen(block) : 0;

    maqet_pages_keep_number(pages, offset | flags | (block ? 0 : MAQET_RECORD_CONTINUE));
    if (block) {
        maqet_pages_keep(pages, &length, sizeof(length));
        maqet_pages_keep(pages, block, length);
    }
    if (flags == MAQET_RECORD_ZERO)
        maqet_pages_keep(pages, &zero, sizeof(zero));
    else
        maqet_pages_keep(pages, page, PAGE);
}

void
maqet_pages_put_back(struct maqet_pages *pages, const char *block)
{
    unsigned char page[PAGE];
    bool first = true;

    flush_run(pages);
    for (uint64_t offset = 0; !pages->failed && offset < pages->size; offset += PAGE) {
        if (!is_seen(pages, offset))
            continue;
        read_page(pages, offset, page);
        keep_record(pages, first ? block : NULL, offset, page);
        first = false;
    }
}

void
maqet_pages_see_all(struct maqet_pages *pages)
{
    memset(pages->seen, 0xff, (size_t)(pages->size / PAGE / 8 + 1));
}

void
maqet_pages_flush(struct maqet_pages *pages)
{
    flush_run(pages);
    flush_kept(pages);
}

void
maqet_pages_finish(struct maqet_pages *pages, bool whole)
{
    maqet_pages_flush(pages);
    if (!pages->failed && ftruncate(pages->memory, whole ? 0 : (off_t)pages->size) < 0)
        pages->failed = errno;
}
