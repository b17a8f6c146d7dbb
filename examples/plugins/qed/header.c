/* SPDX-License-Identifier: MIT */
#include "header.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_BYTES = 64, HAS_BACKING = 1 };

/* All numbers are little-endian. */
static uint64_t
number_at(const unsigned char *bytes, int count)
{
    uint64_t number = 0;

    while (count-- > 0)
        number = number << 8 | bytes[count];
    return number;
}

static const char *
read_at(int fd, void *bytes, size_t count, uint64_t offset)
{
    ssize_t got;

    if (offset > INT64_MAX - count)
        return "it refers to a place that no file has";
    do
        got = pread(fd, bytes, count, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0                ? strerror(errno)
           : (size_t)got == count ? NULL
                                  : "it ends too early for an image of the format QED";
}

static const char *
read_name(int fd, struct qed_header *header, const unsigned char *bytes)
{
    uint64_t offset = number_at(bytes + 56, 4), length = number_at(bytes + 60, 4);

    if (!(number_at(bytes + 16, 8) & HAS_BACKING))
        return NULL;
    if (length >= sizeof(header->backing_name))
        return "the name of its backing file is too long";
    const char *fault = read_at(fd, header->backing_name, length, offset);
    header->backing_name[fault ? 0 : length] = '\0';
    return fault;
}

const char *
qed_header_read(int fd, struct qed_header *header)
{
    unsigned char bytes[HEADER_BYTES];
    const char *fault = read_at(fd, bytes, sizeof(bytes), 0);

    memset(header, 0, sizeof(*header));
    if (fault)
        return fault;
    if (memcmp(bytes, "QED", 4) != 0)
        return "it is no image of the format QED";
    header->cluster_size = (uint32_t)number_at(bytes + 4, 4);
    header->table_size = (uint32_t)number_at(bytes + 8, 4);
    header->l1_offset = number_at(bytes + 40, 8);
    header->size = number_at(bytes + 48, 8);
    /* QEMU's limits. */
    if (header->cluster_size < 4096 || header->cluster_size > 64 * 1024 * 1024 ||
        (header->cluster_size & (header->cluster_size - 1)) != 0 ||
        header->table_size < 1 || header->table_size > 16)
        return "its clusters or tables have a size that there is not";
    return read_name(fd, header, bytes);
}

const char *
qed_header_read_at(const char *path, struct qed_header *header)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return strerror(errno);
    const char *fault = qed_header_read(fd, header);
    close(fd);
    return fault;
}

/* Level 1 leads to tables of level 2, and these to clusters; 0: there is none, 1: one of zeroes. */
static const char *
count_table(int fd, const struct qed_header *header, uint64_t offset, int level,
            uint64_t *bytes)
{
    unsigned char part[4096];
    uint64_t size = (uint64_t)header->table_size * header->cluster_size;

    for (uint64_t at = 0; at < size; at += sizeof(part)) {
        const char *fault = read_at(fd, part, sizeof(part), offset + at);

        for (size_t i = 0; !fault && i < sizeof(part); i += 8) {
            uint64_t entry = number_at(part + i, 8);

            if (entry > 1 && level == 1)
                fault = count_table(fd, header, entry, 2, bytes);
            else if (entry > 1)
                *bytes += header->cluster_size;
        }
        if (fault)
            return fault;
    }
    return NULL;
}

const char *
qed_count(int fd, const struct qed_header *header, uint64_t *bytes)
{
    *bytes = 0;
    return count_table(fd, header, header->l1_offset, 1, bytes);
}
