/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/view.h"

#include <stdlib.h>

#include "plugins/qcow2/bytes.h"
#include "plugins/qcow2/header.h"
#include "plugins/qcow2/snapshots.h"

enum {
    CLUSTER_BITS = 16,
    CLUSTER = 1 << CLUSTER_BITS,
    HEADER_LENGTH = 104, /* of version 3 */
    REFCOUNT_ORDER = 4,  /* refcounts of 16 bits */
    L2_ENTRIES = CLUSTER / 8,
    /* The clusters of the overlay: the header, the refcount table and its block, the L1
     * table (as many as it takes), and then the L2 table and the data. */
    REFCOUNT_TABLE_AT = 1,
    REFCOUNT_BLOCK_AT = 2,
    L1_AT = 3,
    AFTER_L1 = 2,
};

/* Of L1 and L2 entries: what they point to is referred to once. */
static const uint64_t COPIED = UINT64_C(1) << 63;

static void
put_be16(uint8_t *at, uint16_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

static void
put_be32(uint8_t *at, uint32_t number)
{
    put_be16(at, (uint16_t)(number >> 16));
    put_be16(at + 2, (uint16_t)number);
}

static void
put_be64(uint8_t *at, uint64_t number)
{
    put_be32(at, (uint32_t)(number >> 32));
    put_be32(at + 4, (uint32_t)number);
}

/* Makes of the image's header that of the snapshot. */
static void
change_header(uint8_t *start, const struct qcow2_header *header,
              const struct qcow2_snapshot *snapshot)
{
    put_be64(start + 24, snapshot->disk_size);
    put_be32(start + 36, snapshot->l1_size);
    put_be64(start + 40, snapshot->l1_offset);
    put_be32(start + 60, 0); /* snapshots */
    put_be64(start + 64, 0);
    if (header->version < 3)
        return;
    /* A reader has no use for exact reference counts. Bitmaps are those of the disk as it
     * is now; without their autoclear bit they are ignored. */
    put_be64(start + 72, header->incompatible_features & ~QCOW2_DIRTY);
    put_be64(start + 88, 0);
}

/* Writes the overlay's own header and tables, so that its first cluster of data is the
 * last of its clusters. */
static void
write_overlay(uint8_t *bytes, uint64_t file_size, uint32_t l1_size, uint32_t l1_clusters)
{
    uint32_t l2_at = L1_AT + l1_clusters;

    memcpy(bytes, "QFI\xfb", 4);
    put_be32(bytes + 4, 3);
    put_be32(bytes + 20, CLUSTER_BITS);
    put_be64(bytes + 24, file_size);
    put_be32(bytes + 36, l1_size);
    put_be64(bytes + 40, (uint64_t)L1_AT * CLUSTER);
    put_be64(bytes + 48, (uint64_t)REFCOUNT_TABLE_AT * CLUSTER);
    put_be32(bytes + 56, 1);
    put_be32(bytes + 96, REFCOUNT_ORDER);
    put_be32(bytes + 100, HEADER_LENGTH);
    put_be64(bytes + (size_t)REFCOUNT_TABLE_AT * CLUSTER,
             (uint64_t)REFCOUNT_BLOCK_AT * CLUSTER);
    for (uint32_t i = 0; i < l2_at + AFTER_L1; i++)
        put_be16(bytes + (size_t)REFCOUNT_BLOCK_AT * CLUSTER + (size_t)2 * i, 1);
    put_be64(bytes + (size_t)L1_AT * CLUSTER, COPIED | (uint64_t)l2_at * CLUSTER);
    put_be64(bytes + (size_t)l2_at * CLUSTER, COPIED | (uint64_t)(l2_at + 1) * CLUSTER);
}

static int
build(int fd, uint64_t file_size, const struct qcow2_header *header,
      const struct qcow2_snapshot *snapshot, struct qcow2_view *view, const char **fault)
{
    /* Whole sectors, as QEMU counts; a file of less than a cluster is seen as one. */
    uint64_t size = file_size < CLUSTER ? CLUSTER : qcow2_round_up(file_size, 512);
    uint64_t covered = (uint64_t)L2_ENTRIES * CLUSTER;
    uint64_t l1_size = (size + covered - 1) / covered;
    uint64_t l1_clusters = (l1_size * 8 + CLUSTER - 1) / CLUSTER;

    if (l1_clusters > 512) /* QEMU's limit, 32 MiB: for a file of 2 PiB */
        return qcow2_fail(fault, "the file is too large");
    view->length = (size_t)(L1_AT + l1_clusters + AFTER_L1) * CLUSTER;
    view->bytes = calloc(1, view->length);
    if (!view->bytes)
        return qcow2_fail(fault, strerror(ENOMEM));
    write_overlay(view->bytes, size, (uint32_t)l1_size, (uint32_t)l1_clusters);
    uint8_t *start = view->bytes + view->length - CLUSTER;
    if (qcow2_read(fd, start, CLUSTER, 0, fault) < 0)
        return -1;
    change_header(start, header, snapshot);
    view->virtual_size = snapshot->disk_size;
    return 0;
}

void
qcow2_view_clear(struct qcow2_view *view)
{
    free(view->bytes);
    *view = (struct qcow2_view){0};
}

int
qcow2_view_read(int fd, const char *id, struct qcow2_view *view, const char **fault)
{
    struct qcow2_header header;
    struct qcow2_snapshots table;
    uint64_t file_size;
    int result = -1;

    *view = (struct qcow2_view){0};
    if (probe_size(fd, &file_size) < 0)
        return qcow2_fail(fault, strerror(errno));
    if (qcow2_header_read(fd, &header, fault) < 0 ||
        qcow2_snapshots_read(fd, &header, &table, fault) < 0)
        return -1;
    *fault = "it has no such snapshot";
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.items[i].id, id) == 0) {
            result = build(fd, file_size, &header, &table.items[i], view, fault);
            break;
        }
    qcow2_snapshots_clear(&table);
    if (result < 0)
        qcow2_view_clear(view);
    return result;
}
