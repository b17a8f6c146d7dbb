/* SPDX-License-Identifier: MIT */
/*
 * split.c - a stream that is split, or is not. Whatever the bytes are, these must hold:
 *
 *   - the memory is what a reader of the stream would get: from the two files, or from the
 *     rest alone if it is whole
 *   - what such a reader does not know is in the rest as it was
 *   - a stream of which nothing was taken out is written as it was
 *   - the file for the memory is as long as the memory, or empty
 *
 * tests/fuzz/run builds it with libFuzzer; split-inputs.c feeds it the same inputs every
 * time.
 */
#include "tests/fuzz/split.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/qemu/migration_split.h"
#include "tests/fuzz/stream.h"

enum { SIZE = 16 * MAQET_SPLIT_PAGE };

static const char block[] = "pc.ram";

static void
promise(bool kept)
{
    if (!kept)
        abort();
}

/* The content of a file, to which nothing points any more. The caller frees. */
static unsigned char *
content(int fd, size_t *length)
{
    off_t end = lseek(fd, 0, SEEK_END);
    unsigned char *bytes = malloc((size_t)end + 1);

    promise(end >= 0 && bytes && pread(fd, bytes, (size_t)end, 0) == end);
    *length = (size_t)end;
    return bytes;
}

/* Feeds all of it, in pieces of a size that it chooses itself. */
static int
feed(struct maqet_split *split, const uint8_t *data, size_t size)
{
    size_t step = size > 0 ? (size_t)data[size - 1] * 37 + 1 : 1;
    int failed = 0;

    for (size_t at = 0; at < size && !failed; at += step)
        failed = maqet_split_feed(split, data + at, size - at < step ? size - at : step);
    return failed ? failed : maqet_split_finish(split);
}

static void
compare(const uint8_t *data, size_t size, const unsigned char *rest, size_t rest_length,
        const char *memory)
{
    static char expected[SIZE], present[SIZE];

    memset(expected, 0, SIZE);
    memcpy(present, memory, SIZE);
    size_t stop = stream_read(data, size, block, expected, SIZE);
    size_t rest_stop = stream_read(rest, rest_length, block, present, SIZE);
    promise(memcmp(present, expected, SIZE) == 0);
    promise(size - stop == rest_length - rest_stop &&
            memcmp(data + stop, rest + rest_stop, size - stop) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char memory[SIZE];
    int memory_fd = memfd_create("ram", MFD_CLOEXEC), rest_fd = memfd_create("rest", 0);
    const struct maqet_split_plan plan = {.memory = memory_fd,
                                          .rest = rest_fd,
                                          .block = block,
                                          .size = SIZE,
                                          .pages_vary = size % 2};
    struct maqet_split *split = maqet_split_new(&plan);
    size_t length, rest_length;

    promise(split);
    int failed = feed(split, data, size);
    bool whole = maqet_split_whole(split) != NULL;
    unsigned char *pages = content(memory_fd, &length);
    unsigned char *rest = content(rest_fd, &rest_length);
    promise(!failed && length == (whole ? 0 : SIZE));
    memset(memory, 0, SIZE);
    memcpy(memory, pages, length < SIZE ? length : SIZE);
    compare(data, size, rest, rest_length, memory);
    free(pages);
    free(rest);
    maqet_split_free(split);
    close(memory_fd);
    close(rest_fd);
    return 0;
}
