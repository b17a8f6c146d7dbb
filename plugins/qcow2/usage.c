/* SPDX-License-Identifier: MIT */
/*
 * Deleting a snapshot takes one reference from each cluster of its L1 table, from each L2
 * table that it refers to, and from each cluster that those refer to; what has none left
 * is free. An L2 table that has several references is kept by another snapshot, or by the
 * active layer, and so is all that it refers to: it need not be read. That is why a list
 * is quick: only what the snapshots do not share is looked at.
 */
#include "plugins/qcow2/usage.h"

#include <stdbool.h>
#include <stdlib.h>

#include "plugins/qcow2/bytes.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define L2_COMPRESSED (UINT64_C(1) << 62)

enum {
    REFCOUNT_TABLE_MAX = 8 * 1024 * 1024, /* QEMU's limit */
    CACHE_MAX = 256 * 1024 * 1024,        /* bytes of reference counts kept; ours */
};

/* Bytes of tables that are read for one list; ours. */
static const uint64_t READ_MAX = UINT64_C(4) << 30;

/* Host clusters that compressed data lies in, each as often as it was met. */
struct touched {
    uint64_t *clusters;
    size_t count;
    size_t space;
};

struct reader {
    int fd;
    const struct qcow2_header *header;
    const char **fault;
    uint64_t cluster_size;
    uint64_t file_size;
    uint8_t *refcount_table;
    uint64_t refcount_entries; /* in the table */
    uint8_t **blocks;          /* of reference counts; NULL: not read yet */
    uint64_t cached;           /* bytes of them */
    uint64_t read;             /* bytes of tables */
    uint8_t *l2;               /* one table */
    struct touched touched;
};

static void
reader_clear(struct reader *reader)
{
    for (uint64_t i = 0; reader->blocks && i < reader->refcount_entries; i++)
        free(reader->blocks[i]);
    free(reader->blocks);
    free(reader->refcount_table);
    free(reader->l2);
    free(reader->touched.clusters);
}

static int
reader_fill(struct reader *reader)
{
    const struct qcow2_header *header = reader->header;
    uint64_t size = header->refcount_table_clusters * reader->cluster_size;

    if (size > REFCOUNT_TABLE_MAX || header->refcount_table_offset > reader->file_size)
        return fail(reader->fault, "its table of reference counts is out of bounds");
    reader->refcount_entries = size / 8;
    reader->refcount_table = malloc(size + 1);
    reader->blocks = calloc(reader->refcount_entries + 1, sizeof(uint8_t *));
    reader->l2 = malloc(reader->cluster_size);
    if (!reader->refcount_table || !reader->blocks || !reader->l2)
        return fail(reader->fault, strerror(ENOMEM));
    return read_at(reader->fd, reader->refcount_table, size,
                   header->refcount_table_offset, reader->fault);
}

/* ---- reference counts ---- */

/* The count at an index of a block; those of less than a byte begin with the lowest bits.
 */
static uint64_t
count_at(const uint8_t *block, uint32_t bits, uint64_t index)
{
    switch (bits) {
    case 64:
        return be64(block + index * 8);
    case 32:
        return be32(block + index * 4);
    case 16:
        return be16(block + index * 2);
    case 8:
        return block[index];
    default:
        return block[index * bits / 8] >> (index * bits % 8) & ((1U << bits) - 1);
    }
}

static int
load_block(struct reader *reader, uint64_t number, uint64_t offset)
{
    if (offset % reader->cluster_size != 0 || offset >= reader->file_size)
        return fail(reader->fault, "a block of reference counts is out of bounds");
    if (reader->cached + reader->cluster_size > CACHE_MAX)
        return fail(reader->fault, "its reference counts are too many");
    uint8_t *block = malloc(reader->cluster_size);
    if (!block)
        return fail(reader->fault, strerror(ENOMEM));
    reader->blocks[number] = block;
    reader->cached += reader->cluster_size;
    return read_at(reader->fd, block, reader->cluster_size, offset, reader->fault);
}

/* The reference count of a host cluster. */
static int
refcount_of(struct reader *reader, uint64_t cluster, uint64_t *count)
{
    uint32_t bits = reader->header->refcount_bits;
    uint64_t per_block = reader->cluster_size * 8 / bits;
    uint64_t number = cluster / per_block;

    *count = 0;
    if (number >= reader->refcount_entries)
        return 0;
    uint64_t offset = be64(reader->refcount_table + number * 8) & ~UINT64_C(511);
    if (offset == 0)
        return 0;
    if (!reader->blocks[number] && load_block(reader, number, offset) < 0)
        return -1;
    *count = count_at(reader->blocks[number], bits, cluster % per_block);
    return 0;
}

/* ---- what a table refers to ---- */

static int
touch(struct reader *reader, uint64_t cluster)
{
    struct touched *touched = &reader->touched;

    if (touched->count == touched->space) {
        size_t space = touched->space ? touched->space * 2 : 1024;
        uint64_t *clusters = realloc(touched->clusters, space * sizeof(*clusters));

        if (!clusters)
            return fail(reader->fault, strerror(ENOMEM));
        touched->clusters = clusters;
        touched->space = space;
    }
    touched->clusters[touched->count++] = cluster;
    return 0;
}

/* Compressed data begins at any byte and ends with a sector, and shares its host clusters
 * with other data, each of which holds a reference. */
static int
visit_compressed(struct reader *reader, uint64_t entry)
{
    uint32_t bits = reader->header->cluster_bits;
    uint32_t shift = 62 - (bits - 8);
    uint64_t offset = entry & ((UINT64_C(1) << shift) - 1);
    uint64_t sectors = (entry >> shift & ((UINT64_C(1) << (bits - 8)) - 1)) + 1;
    uint64_t end = (offset & ~UINT64_C(511)) + sectors * 512;

    for (uint64_t cluster = offset >> bits; cluster << bits < end; cluster++)
        if (touch(reader, cluster) < 0)
            return -1;
    return 0;
}

/* Counts a cluster that the snapshot alone refers to. */
static int
visit(struct reader *reader, uint64_t offset, uint64_t *freed, bool *alone)
{
    uint64_t count;

    if (refcount_of(reader, offset >> reader->header->cluster_bits, &count) < 0)
        return -1;
    *alone = count == 1;
    *freed += count == 1 ? reader->cluster_size : 0;
    return 0;
}

static int
visit_l2(struct reader *reader, uint64_t offset, uint64_t *freed)
{
    bool extended = reader->header->incompatible_features & QCOW2_EXTENDED_L2;
    size_t entry_size = extended ? 16 : 8;
    bool alone;

    reader->read += reader->cluster_size;
    if (reader->read > READ_MAX)
        return fail(reader->fault, "its tables are too many");
    if (read_at(reader->fd, reader->l2, reader->cluster_size, offset, reader->fault) < 0)
        return -1;
    if (qcow2_has_data_file(reader->header))
        return 0; /* the clusters are in the other file, and have no counts */
    for (size_t at = 0; at < reader->cluster_size; at += entry_size) {
        uint64_t entry = be64(reader->l2 + at);
        int result = 0;

        if (entry & L2_COMPRESSED)
            result = visit_compressed(reader, entry);
        else if (entry & OFFSET_MASK)
            result = visit(reader, entry & OFFSET_MASK, freed, &alone);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int
compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

/* A host cluster of compressed data is free when all references to it were the
 * snapshot's.
 */
static int
count_touched(struct reader *reader, uint64_t *freed)
{
    struct touched *touched = &reader->touched;

    if (touched->count > 0)
        qsort(touched->clusters, touched->count, sizeof(uint64_t), compare);
    for (size_t i = 0; i < touched->count;) {
        size_t first = i;
        uint64_t count;

        while (i < touched->count && touched->clusters[i] == touched->clusters[first])
            i++;
        if (refcount_of(reader, touched->clusters[first], &count) < 0)
            return -1;
        *freed += count == i - first ? reader->cluster_size : 0;
    }
    touched->count = 0;
    return 0;
}

static int
visit_l1(struct reader *reader, const uint8_t *l1, uint32_t entries, uint64_t *freed)
{
    for (uint32_t i = 0; i < entries; i++) {
        uint64_t offset = be64(l1 + (size_t)i * 8) & OFFSET_MASK;
        bool alone;

        if (offset == 0)
            continue;
        if (offset % reader->cluster_size != 0 || offset >= reader->file_size)
            return fail(reader->fault, "an L2 table of a snapshot is out of bounds");
        if (visit(reader, offset, freed, &alone) < 0 ||
            (alone && visit_l2(reader, offset, freed) < 0))
            return -1;
    }
    return count_touched(reader, freed);
}

static uint64_t
clusters_of(const struct reader *reader, uint64_t bytes)
{
    return (bytes + reader->cluster_size - 1) / reader->cluster_size;
}

static int
usage_of(struct reader *reader, const struct qcow2_snapshots *snapshots,
         const struct qcow2_snapshot *snapshot, uint64_t *freed)
{
    uint64_t size = (uint64_t)snapshot->l1_size * 8;

    /* The table of snapshots is written anew, without one row. */
    *freed = (clusters_of(reader, snapshots->size) -
              clusters_of(reader, snapshots->size - snapshot->entry_size) +
              clusters_of(reader, size)) *
             reader->cluster_size;
    reader->read += size;
    if (reader->read > READ_MAX || snapshot->l1_offset > reader->file_size)
        return fail(reader->fault, "the L1 table of a snapshot is out of bounds");
    uint8_t *l1 = malloc(size + 1);
    if (!l1)
        return fail(reader->fault, strerror(ENOMEM));
    int result = read_at(reader->fd, l1, size, snapshot->l1_offset, reader->fault);
    if (result == 0)
        result = visit_l1(reader, l1, snapshot->l1_size, freed);
    free(l1);
    return result;
}

int
qcow2_usage_read(int fd, const struct qcow2_header *header,
                 const struct qcow2_snapshots *snapshots, uint64_t *used,
                 const char **fault)
{
    struct reader reader = {.fd = fd,
                            .header = header,
                            .fault = fault,
                            .cluster_size = UINT64_C(1) << header->cluster_bits};
    int result = 0;

    if (snapshots->count == 0)
        return 0;
    if (probe_size(fd, &reader.file_size) < 0)
        return fail(fault, strerror(errno));
    if (reader_fill(&reader) < 0)
        result = -1;
    for (size_t i = 0; result == 0 && i < snapshots->count; i++)
        result = usage_of(&reader, snapshots, &snapshots->items[i], &used[i]);
    reader_clear(&reader);
    return result;
}
