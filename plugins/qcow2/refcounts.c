/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/refcounts.h"

#include <stdlib.h>

#include "plugins/qcow2/bytes.h"

#define OFFSET_MASK (~UINT64_C(511)) /* of an entry of the refcount table */

enum {
    TABLE_MAX = 8 * 1024 * 1024, /* bytes; QEMU's limit */
    /* Drops are counted by pages, so that a few of them in a large block are cheap. The
     * smallest block has 64 refcounts: a cluster of 512 bytes, 64 bits each. */
    PAGE_BITS = 6,
    PAGE_ENTRIES = 1 << PAGE_BITS,
    /* Blocks are read by parts. Where snapshots share nearly all, what matters of a large
     * image is the refcount of an L2 table here and there. The smallest block has 512
     * bytes. */
    PART_SIZE = 512,
};

/* What all blocks and counters may take: enough for some terabytes that were all changed
 * since a snapshot was made. */
static const size_t MEMORY_MAX = (size_t)1 << 30;

/* The references that were dropped from PAGE_ENTRIES clusters in one round. A walk has
 * less than 2^32 references by the bound on what it reads. */
struct page {
    uint32_t round;
    uint32_t drops[PAGE_ENTRIES];
};

struct qcow2_refcount_block {
    uint8_t **parts; /* PART_SIZE bytes each; NULL: not read yet */
    struct page **pages;
};

/* The base-2 logarithm of the number of refcounts in a block. */
static uint32_t
block_bits(const struct qcow2_refcounts *refcounts)
{
    return refcounts->cluster_bits + 3 - refcounts->order;
}

static size_t
pages_of_block(const struct qcow2_refcounts *refcounts)
{
    return ((size_t)1 << block_bits(refcounts)) / PAGE_ENTRIES;
}

static size_t
parts_of_block(const struct qcow2_refcounts *refcounts)
{
    return ((size_t)1 << refcounts->cluster_bits) / PART_SIZE;
}

static void *
allocate(struct qcow2_refcounts *refcounts, size_t count, size_t size, const char **fault)
{
    void *memory = NULL;

    if (count * size > MEMORY_MAX - refcounts->allocated)
        *fault = "it has too many clusters to count what its snapshots use";
    else if (!(memory = calloc(count, size)))
        *fault = strerror(ENOMEM);
    else
        refcounts->allocated += count * size;
    return memory;
}

static int
compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

/* A block that stands twice in the table could be made to take any amount of memory. */
static int
check_distinct(const uint64_t *table, size_t count, const char **fault)
{
    uint64_t *sorted = malloc(count * sizeof(*sorted));
    int result = 0;

    if (!sorted)
        return qcow2_fail(fault, strerror(ENOMEM));
    memcpy(sorted, table, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 1; i < count && result == 0; i++)
        if (sorted[i] != 0 && sorted[i] == sorted[i - 1])
            result = qcow2_fail(fault, "its refcount table has a block twice");
    free(sorted);
    return result;
}

static int
read_table(struct qcow2_refcounts *refcounts, uint64_t offset, const char **fault)
{
    uint64_t *table = refcounts->table;

    if (qcow2_read(refcounts->fd, table, refcounts->count * sizeof(*table), offset,
                   fault) < 0)
        return -1;
    for (size_t i = 0; i < refcounts->count; i++) {
        table[i] = qcow2_be64((const uint8_t *)&table[i]) & OFFSET_MASK;
        if (table[i] & ((UINT64_C(1) << refcounts->cluster_bits) - 1) ||
            table[i] >> refcounts->cluster_bits >= refcounts->clusters)
            return qcow2_fail(fault, "a block of refcounts is at no cluster of its file");
    }
    return check_distinct(table, refcounts->count, fault);
}

int
qcow2_refcounts_open(struct qcow2_refcounts *refcounts, int fd,
                     const struct qcow2_header *header, const char **fault)
{
    uint64_t cluster_size = UINT64_C(1) << header->cluster_bits;
    uint64_t offset = header->refcount_table_offset;
    uint64_t size = (uint64_t)header->refcount_table_clusters << header->cluster_bits;
    uint64_t file_size, end, needed;

    *refcounts = (struct qcow2_refcounts){
        .fd = fd, .cluster_bits = header->cluster_bits, .round = 1};
    while (UINT32_C(1) << refcounts->order < header->refcount_bits)
        refcounts->order++;
    if (probe_size(fd, &file_size) < 0)
        return qcow2_fail(fault, strerror(errno));
    end = qcow2_round_up(file_size, cluster_size);
    refcounts->clusters = end >> header->cluster_bits;
    if (size == 0 || size > TABLE_MAX)
        return qcow2_fail(fault, "the size of its refcount table is out of bounds");
    if (offset == 0 || offset & (cluster_size - 1) || offset > end || size > end - offset)
        return qcow2_fail(fault, "its refcount table is at no clusters of its file");
    /* Entries for what lies beyond the end of the file are there to grow into. */
    needed = ((refcounts->clusters - 1) >> block_bits(refcounts)) + 1;
    refcounts->count = needed < size / 8 ? (size_t)needed : (size_t)(size / 8);
    refcounts->table =
        allocate(refcounts, refcounts->count, sizeof(*refcounts->table), fault);
    refcounts->blocks =
        allocate(refcounts, refcounts->count, sizeof(*refcounts->blocks), fault);
    if (!refcounts->table || !refcounts->blocks)
        return -1;
    return read_table(refcounts, offset, fault);
}

void
qcow2_refcounts_close(struct qcow2_refcounts *refcounts)
{
    for (size_t i = 0; refcounts->blocks && i < refcounts->count; i++) {
        struct qcow2_refcount_block *block = &refcounts->blocks[i];

        for (size_t j = 0; block->pages && j < pages_of_block(refcounts); j++)
            free(block->pages[j]);
        for (size_t j = 0; block->parts && j < parts_of_block(refcounts); j++)
            free(block->parts[j]);
        free(block->pages);
        free(block->parts);
    }
    free(refcounts->blocks);
    free(refcounts->table);
}

void
qcow2_refcounts_restore(struct qcow2_refcounts *refcounts)
{
    refcounts->round++; /* pages of other rounds count as empty */
}

/* The block that cluster @number has its refcount in. NULL with *fault set. */
static struct qcow2_refcount_block *
find_block(struct qcow2_refcounts *refcounts, uint64_t number, const char **fault)
{
    uint64_t index = number >> block_bits(refcounts);
    struct qcow2_refcount_block *block;

    if (index >= refcounts->count || refcounts->table[index] == 0) {
        *fault = "a cluster in use has no refcount";
        return NULL;
    }
    block = &refcounts->blocks[index];
    if (!block->pages)
        block->pages =
            allocate(refcounts, pages_of_block(refcounts), sizeof(void *), fault);
    if (block->pages && !block->parts)
        block->parts =
            allocate(refcounts, parts_of_block(refcounts), sizeof(void *), fault);
    return block->pages && block->parts ? block : NULL;
}

/* The part of @block that its byte @at is in. NULL with *fault set. */
static const uint8_t *
find_part(struct qcow2_refcounts *refcounts, struct qcow2_refcount_block *block,
          uint64_t at, const char **fault)
{
    uint64_t number = at / PART_SIZE;
    uint64_t offset = refcounts->table[block - refcounts->blocks] + number * PART_SIZE;
    uint8_t *bytes = block->parts[number];

    if (bytes)
        return bytes;
    bytes = allocate(refcounts, PART_SIZE, 1, fault);
    if (bytes && qcow2_read(refcounts->fd, bytes, PART_SIZE, offset, fault) < 0) {
        free(bytes);
        return NULL;
    }
    return block->parts[number] = bytes;
}

/* The page of @block with its entry @index. NULL with *fault set. */
static struct page *
find_page(struct qcow2_refcounts *refcounts, struct qcow2_refcount_block *block,
          uint64_t index, const char **fault)
{
    struct page **page = &block->pages[index >> PAGE_BITS];

    if (!*page && !(*page = allocate(refcounts, 1, sizeof(**page), fault)))
        return NULL;
    if ((*page)->round != refcounts->round)
        **page = (struct page){.round = refcounts->round};
    return *page;
}

/* Those of less than a byte begin with its least significant bits. */
static uint64_t
get_refcount(const uint8_t *bytes, uint32_t order, uint64_t index)
{
    switch (order) {
    case 3:
        return bytes[index];
    case 4:
        return qcow2_be16(bytes + 2 * index);
    case 5:
        return qcow2_be32(bytes + 4 * index);
    case 6:
        return qcow2_be64(bytes + 8 * index);
    default:
        break;
    }
    uint32_t width = UINT32_C(1) << order, in_byte = 8 / width;
    return bytes[index / in_byte] >> (width * (index % in_byte)) & ((1U << width) - 1);
}

int
qcow2_refcounts_drop(struct qcow2_refcounts *refcounts, uint64_t offset,
                     uint64_t *refcount, uint64_t *left, const char **fault)
{
    uint64_t number = offset >> refcounts->cluster_bits;
    uint64_t index = number & ((UINT64_C(1) << block_bits(refcounts)) - 1);
    uint64_t part_entries = ((uint64_t)PART_SIZE * 8) >> refcounts->order;

    if (number == 0 || number >= refcounts->clusters)
        return qcow2_fail(fault, "a snapshot refers to clusters outside of its file");
    struct qcow2_refcount_block *block = find_block(refcounts, number, fault);
    if (!block)
        return -1;
    struct page *page = find_page(refcounts, block, index, fault);
    const uint8_t *part =
        page ? find_part(refcounts, block, (index << refcounts->order) / 8, fault) : NULL;
    if (!part)
        return -1;
    uint32_t drops = ++page->drops[index & (PAGE_ENTRIES - 1)];
    *refcount = get_refcount(part, refcounts->order, index & (part_entries - 1));
    if (drops > *refcount)
        return qcow2_fail(fault, "a cluster has more references than its refcount tells");
    *left = *refcount - drops;
    return 0;
}
