/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/damage.h"

#include <stdlib.h>

#include "plugins/qcow2/bytes.h"
#include "plugins/qcow2/refcounts.h"
#include "plugins/qcow2/snapshots.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00) /* of an L1 entry */

enum {
    L1_MAX = 32 * 1024 * 1024, /* bytes; QEMU's limit */
    L1_READ_MAX = 1024 * 1024, /* bytes of it that are looked at */
    SNAPSHOT_ENTRY_MIN = 40,
};

/* Whether @size bytes at @offset lie in the file. */
static bool
is_inside(uint64_t offset, uint64_t size, uint64_t file_size)
{
    return offset <= file_size && size <= file_size - offset;
}

/* An L2 table is on the disk before the L1 table refers to it, so it begins in the file
 * even after a power cut. */
static int
check_l1_entries(int fd, const struct qcow2_header *header, uint64_t size,
                 uint64_t file_size, const char **fault)
{
    size_t length = size < L1_READ_MAX ? (size_t)size : L1_READ_MAX;
    uint64_t cluster_mask = (UINT64_C(1) << header->cluster_bits) - 1;
    uint8_t *table = malloc(length);
    int result = table ? qcow2_read(fd, table, length, header->l1_table_offset, fault)
                       : qcow2_fail(fault, strerror(ENOMEM));

    for (size_t at = 0; result == 0 && at < length; at += 8) {
        uint64_t offset = qcow2_be64(table + at) & OFFSET_MASK;

        if (offset & cluster_mask)
            result = qcow2_fail(fault, "an L2 table does not begin with a cluster");
        else if (offset >= file_size)
            result = qcow2_fail(fault, "it is cut off: an L2 table lies behind its end");
    }
    free(table);
    return result;
}

static int
check_l1(int fd, const struct qcow2_header *header, uint64_t file_size,
         const char **fault)
{
    uint64_t cluster_size = UINT64_C(1) << header->cluster_bits;
    uint64_t entry_size = header->incompatible_features & QCOW2_EXTENDED_L2 ? 16 : 8;
    uint64_t size = (uint64_t)header->l1_size * 8;
    /* What one L1 entry, which refers to one L2 table, covers. Both are powers of two. */
    uint64_t covered = cluster_size * (cluster_size / entry_size);
    uint64_t needed =
        header->virtual_size / covered + (header->virtual_size % covered != 0);

    if (size > L1_MAX)
        return qcow2_fail(fault, "its L1 table is too large");
    if (header->l1_size < needed)
        return qcow2_fail(fault, "its L1 table is too small for its virtual size");
    if (size == 0)
        return 0;
    if (header->l1_table_offset == 0 || header->l1_table_offset & (cluster_size - 1))
        return qcow2_fail(fault, "its L1 table does not begin with a cluster");
    if (!is_inside(header->l1_table_offset, size, file_size))
        return qcow2_fail(fault, "it is cut off: its L1 table lies behind its end");
    return check_l1_entries(fd, header, size, file_size, fault);
}

/* Where it is; what stands in it is for those who read it. */
static int
check_snapshot_table(const struct qcow2_header *header, uint64_t file_size,
                     const char **fault)
{
    uint64_t mask = (UINT64_C(1) << header->cluster_bits) - 1;

    if (header->snapshot_count == 0)
        return 0; /* the offset may be anything then */
    if (header->snapshot_count > QCOW2_SNAPSHOTS_MAX)
        return qcow2_fail(fault, "it has too many snapshots");
    if (header->snapshots_offset == 0 || header->snapshots_offset & mask)
        return qcow2_fail(fault, "its snapshot table does not begin with a cluster");
    if (!is_inside(header->snapshots_offset,
                   (uint64_t)header->snapshot_count * SNAPSHOT_ENTRY_MIN, file_size))
        return qcow2_fail(fault, "it is cut off: its snapshot table lies behind its end");
    return 0;
}

/* The clusters of the header and of the tables are in use, and counted: else QEMU would
 * write the guest's data over them. */
static int
check_refcounts(int fd, const struct qcow2_header *header, const char **fault)
{
    struct qcow2_refcounts refcounts;
    const struct {
        bool there;
        uint64_t offset;
    } tables[] = {
        {true, header->refcount_table_offset},
        {header->l1_size > 0, header->l1_table_offset},
        {header->snapshot_count > 0, header->snapshots_offset},
    };
    int result = qcow2_refcounts_open(&refcounts, fd, header, fault);

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && result == 0; i++) {
        uint64_t refcount, left;

        qcow2_refcounts_restore(&refcounts);
        if (tables[i].there && qcow2_refcounts_drop(&refcounts, tables[i].offset,
                                                    &refcount, &left, fault) < 0)
            result = qcow2_fail(fault, "its refcounts are wrong: clusters of its own "
                                       "tables count as free");
    }
    qcow2_refcounts_close(&refcounts);
    return result;
}

int
qcow2_damage_find(int fd, const struct qcow2_header *header, const char **fault)
{
    uint64_t file_size;

    if (header->incompatible_features & QCOW2_CORRUPT)
        return qcow2_fail(fault, "it is marked as corrupt");
    if (probe_size(fd, &file_size) < 0)
        return qcow2_fail(fault, strerror(errno));
    if (check_l1(fd, header, file_size, fault) < 0 ||
        check_snapshot_table(header, file_size, fault) < 0)
        return -1;
    return header->incompatible_features & QCOW2_DIRTY
               ? 0
               : check_refcounts(fd, header, fault);
}
