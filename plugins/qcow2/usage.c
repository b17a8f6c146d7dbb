/* SPDX-License-Identifier: MIT */
/*
 * Deleting a snapshot drops one reference to each cluster of its L1 table, to each L2
 * table, and to each cluster that those refer to; a cluster without references is free.
 * The walk does the same with refcounts in memory.
 *
 * An L2 table that others refer to as well isn't read: they hold all of its clusters too,
 * so none of them can become free. This is what makes the walk cheap, since all but the
 * changes of a snapshot is shared.
 */
#include "plugins/qcow2/usage.h"

#include <stdlib.h>

#include "plugins/qcow2/bytes.h"
#include "plugins/qcow2/refcounts.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00) /* of an entry of L1 or L2 tables */
#define COMPRESSED (UINT64_C(1) << 62)           /* of an L2 entry */

enum {
    L1_MAX = 32 * 1024 * 1024, /* bytes; QEMU's limit */
    L1_READ_SIZE = 64 * 1024,  /* bytes that are read at once */
    SECTOR_SIZE = 512,
    EXTRA_SIZE = 24, /* what QEMU makes of shorter extra data when it writes a table */
    ENTRY_LENGTH = 40,
};

/* The bytes of tables that one call reads: what belongs to 8 TiB that were changed, with
 * clusters of 64 KiB, and a few seconds for an image that was made to take long. */
static const uint64_t READ_MAX = UINT64_C(1) << 30;

struct walk {
    int fd;
    const struct qcow2_header *header;
    uint64_t cluster_size;
    uint64_t read; /* bytes so far */
    struct qcow2_refcounts refcounts;
    uint8_t *l1;    /* a part of an L1 table, L1_READ_SIZE */
    uint8_t *l2;    /* an L2 table, a cluster */
    uint64_t freed; /* clusters, by this snapshot */
};

static int
read_part(struct walk *walk, uint8_t *buffer, size_t size, uint64_t offset,
          const char **fault)
{
    walk->read += size;
    if (walk->read > READ_MAX)
        return qcow2_fail(fault, "its tables are too large to count what snapshots use");
    return qcow2_read(walk->fd, buffer, size, offset, fault);
}

static int
drop(struct walk *walk, uint64_t offset, const char **fault)
{
    uint64_t refcount, left;

    if (qcow2_refcounts_drop(&walk->refcounts, offset, &refcount, &left, fault) < 0)
        return -1;
    walk->freed += left == 0;
    return 0;
}

/* Compressed data begins at any byte and goes on for some sectors, in at most all the
 * clusters that these touch. */
static int
drop_compressed(struct walk *walk, uint64_t entry, const char **fault)
{
    uint32_t size_bits = walk->header->cluster_bits - 8;
    uint32_t offset_bits = 62 - size_bits;
    uint64_t offset = entry & ((UINT64_C(1) << offset_bits) - 1);
    uint64_t sectors = ((entry >> offset_bits) & ((UINT64_C(1) << size_bits) - 1)) + 1;
    uint64_t last = (offset & ~(uint64_t)(SECTOR_SIZE - 1)) + sectors * SECTOR_SIZE - 1;

    for (uint64_t at = offset & ~(walk->cluster_size - 1); at <= last;
         at += walk->cluster_size)
        if (drop(walk, at, fault) < 0)
            return -1;
    return 0;
}

/* A cluster that reads as zeroes may have a place in the file nevertheless. */
static int
drop_l2_entry(struct walk *walk, uint64_t entry, const char **fault)
{
    uint64_t offset = entry & OFFSET_MASK;

    if (entry & COMPRESSED)
        return drop_compressed(walk, entry, fault);
    if (offset & (walk->cluster_size - 1))
        return qcow2_fail(fault, "a snapshot's data doesn't begin with a cluster");
    return offset == 0 ? 0 : drop(walk, offset, fault);
}

static int
drop_l2_table(struct walk *walk, uint64_t offset, const char **fault)
{
    bool extended = walk->header->incompatible_features & QCOW2_EXTENDED_L2;
    size_t step = extended ? 16 : 8;

    if (read_part(walk, walk->l2, walk->cluster_size, offset, fault) < 0)
        return -1;
    for (size_t at = 0; at < walk->cluster_size; at += step) {
        uint64_t entry;

        memcpy(&entry, walk->l2 + at, sizeof(entry));
        if (entry == 0) /* the most frequent one by far, whatever the byte order */
            continue;
        if (drop_l2_entry(walk, qcow2_be64(walk->l2 + at), fault) < 0)
            return -1;
    }
    return 0;
}

static int
drop_l1_entry(struct walk *walk, uint64_t entry, const char **fault)
{
    uint64_t offset = entry & OFFSET_MASK;
    uint64_t refcount, left;

    if (entry == 0)
        return 0;
    if (offset == 0 || offset & (walk->cluster_size - 1))
        return qcow2_fail(fault, "a snapshot's L2 table doesn't begin with a cluster");
    if (qcow2_refcounts_drop(&walk->refcounts, offset, &refcount, &left, fault) < 0)
        return -1;
    if (left > 0)
        return 0;
    /* All references are this snapshot's own, and QEMU makes no two of them. */
    if (refcount > 1)
        return qcow2_fail(fault, "a snapshot refers to an L2 table twice");
    walk->freed++;
    return drop_l2_table(walk, offset, fault);
}

static int
check_l1(const struct walk *walk, uint64_t offset, uint64_t size, const char **fault)
{
    uint64_t end = walk->refcounts.clusters << walk->header->cluster_bits;

    if (size > L1_MAX)
        return qcow2_fail(fault, "a snapshot's L1 table is too large");
    if (offset & (walk->cluster_size - 1))
        return qcow2_fail(fault, "a snapshot's L1 table doesn't begin with a cluster");
    if (offset > end || size > end - offset)
        return qcow2_fail(fault, "a snapshot's L1 table is outside of its file");
    return 0;
}

static int
drop_snapshot(struct walk *walk, const struct qcow2_snapshot *snapshot,
              const char **fault)
{
    uint64_t size = (uint64_t)snapshot->l1_size * 8;

    walk->freed = 0;
    qcow2_refcounts_restore(&walk->refcounts);
    if (size == 0)
        return 0;
    if (check_l1(walk, snapshot->l1_offset, size, fault) < 0)
        return -1;
    for (uint64_t done = 0; done < size; done += walk->cluster_size)
        if (drop(walk, snapshot->l1_offset + done, fault) < 0)
            return -1;
    for (uint64_t done = 0; done < size; done += L1_READ_SIZE) {
        size_t part = size - done < L1_READ_SIZE ? (size_t)(size - done) : L1_READ_SIZE;

        if (read_part(walk, walk->l1, part, snapshot->l1_offset + done, fault) < 0)
            return -1;
        for (size_t at = 0; at < part; at += 8)
            if (drop_l1_entry(walk, qcow2_be64(walk->l1 + at), fault) < 0)
                return -1;
    }
    return 0;
}

/* The bytes of a snapshot's entry when QEMU writes the table the next time. */
static uint64_t
entry_size(const struct qcow2_snapshot *snapshot)
{
    uint64_t extra =
        snapshot->extra_size > EXTRA_SIZE ? snapshot->extra_size : EXTRA_SIZE;

    return qcow2_round_up(
        ENTRY_LENGTH + extra + strlen(snapshot->id) + strlen(snapshot->name), 8);
}

/* The table is written anew without the snapshot, and its old clusters become free. */
static uint64_t
with_table(const struct walk *walk, uint64_t old_size, uint64_t new_size)
{
    uint64_t gone = qcow2_round_up(old_size, walk->cluster_size) / walk->cluster_size;
    uint64_t made = qcow2_round_up(new_size, walk->cluster_size) / walk->cluster_size;

    return walk->freed + gone > made ? walk->freed + gone - made : 0;
}

static int
check_features(const struct qcow2_header *header, const char **fault)
{
    uint64_t features = header->incompatible_features;

    if (features & ~QCOW2_KNOWN_FEATURES)
        return qcow2_fail(fault, "it uses features of qcow2 that are not known here");
    if (features & QCOW2_CORRUPT)
        return qcow2_fail(fault, "it is marked as corrupt");
    if (features & QCOW2_DIRTY)
        return qcow2_fail(fault, "its refcounts are out of date");
    if (features & QCOW2_DATA_FILE)
        return qcow2_fail(fault, "with an external data file there are no snapshots");
    return 0;
}

int
qcow2_usage_read(int fd, const struct qcow2_header *header,
                 const struct qcow2_snapshots *snapshots, uint64_t *used,
                 const char **fault)
{
    struct walk walk = {.fd = fd, .header = header};
    uint64_t table_size = 0;
    int result;

    if (snapshots->count == 0)
        return 0;
    if (check_features(header, fault) < 0)
        return -1;
    walk.cluster_size = UINT64_C(1) << header->cluster_bits;
    walk.l1 = malloc(L1_READ_SIZE);
    walk.l2 = malloc(walk.cluster_size);
    result = qcow2_refcounts_open(&walk.refcounts, fd, header, fault);
    if (result == 0 && (!walk.l1 || !walk.l2))
        result = qcow2_fail(fault, strerror(ENOMEM));
    for (size_t i = 0; i < snapshots->count; i++)
        table_size += entry_size(&snapshots->items[i]);
    for (size_t i = 0; i < snapshots->count && result == 0; i++) {
        result = drop_snapshot(&walk, &snapshots->items[i], fault);
        used[i] = with_table(&walk, snapshots->table_size,
                             table_size - entry_size(&snapshots->items[i])) *
                  walk.cluster_size;
    }
    qcow2_refcounts_close(&walk.refcounts);
    free(walk.l1);
    free(walk.l2);
    return result;
}
