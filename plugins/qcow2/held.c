/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/held.h"

#include <stdbool.h>
#include <stdlib.h>

#include "plugins/qcow2/bytes.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00) /* of an entry of L1 or L2 tables */
#define COMPRESSED (UINT64_C(1) << 62)           /* of an L2 entry */
#define ZEROES UINT64_C(1)                       /* of one that is not extended */

enum {
    L1_MAX = 32 * 1024 * 1024, /* bytes; QEMU's limit */
    SUBCLUSTERS = 32,          /* of a cluster, with extended L2 entries */
};

struct count {
    int fd;
    uint64_t cluster_size;
    bool extended;
    uint8_t *table; /* an L2 table, a cluster */
    uint64_t bytes;
    bool zeroes; /* some of it reads as zeroes, and is not allocated */
};

/* With extended entries, the second half says which subclusters are allocated: bit n, and
 * bit 32 + n where one reads as zeroes. */
static void
count_entry(struct count *count, const uint8_t *at)
{
    uint64_t entry = qcow2_be64(at);

    if (entry & COMPRESSED || (!count->extended && (entry & OFFSET_MASK)))
        count->bytes += count->cluster_size;
    else if (count->extended)
        count->bytes += (uint64_t)__builtin_popcount(qcow2_be32(at + 12)) *
                        (count->cluster_size / SUBCLUSTERS);
    count->zeroes |= count->extended ? qcow2_be32(at + 8) != 0 : entry & ZEROES;
}

static int
count_table(struct count *count, uint64_t offset, const char **fault)
{
    size_t step = count->extended ? 16 : 8;

    if (offset & (count->cluster_size - 1))
        return qcow2_fail(fault, "an L2 table doesn't begin with a cluster");
    if (qcow2_read(count->fd, count->table, count->cluster_size, offset, fault) < 0)
        return -1;
    for (size_t at = 0; at < count->cluster_size; at += step)
        count_entry(count, count->table + at);
    return 0;
}

int
qcow2_held_read(int fd, const struct qcow2_header *header, uint64_t *bytes,
                const char **fault)
{
    struct count count = {
        .fd = fd,
        .cluster_size = UINT64_C(1) << header->cluster_bits,
        .extended = header->incompatible_features & QCOW2_EXTENDED_L2,
    };
    size_t size = (size_t)header->l1_size * 8;
    uint8_t *l1 = NULL;
    int result = -1;

    if (size > L1_MAX)
        return qcow2_fail(fault, "its L1 table is larger than QEMU allows");
    l1 = malloc(size + 1);
    count.table = malloc(count.cluster_size);
    if (!l1 || !count.table)
        qcow2_fail(fault, "out of memory");
    else
        result = qcow2_read(fd, l1, size, header->l1_table_offset, fault);
    for (size_t at = 0; result == 0 && at < size; at += 8) {
        uint64_t offset = qcow2_be64(l1 + at) & OFFSET_MASK;

        if (offset)
            result = count_table(&count, offset, fault);
    }
    free(l1);
    free(count.table);
    *bytes = count.bytes == 0 && count.zeroes ? 1 : count.bytes;
    return result;
}
