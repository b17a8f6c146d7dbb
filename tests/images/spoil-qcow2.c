/* SPDX-License-Identifier: MIT */
/*
 * spoil-qcow2.c - changes a qcow2 image as no tool does: spoil-qcow2 WHAT IMAGE [NUMBER].
 *
 *   refcounts      all reference counts become 0
 *   l2             the first entry of the first L2 table refers to no whole cluster
 *   l1             the first L2 table lies behind the end of the file
 *   corrupt        the image is marked as corrupt
 *   dirty          the image is marked as not closed in order
 *   snapshots      the only snapshot is there NUMBER times, ids and names counted up
 *   tags           the snapshots get the names that standard input has, which end with
 * NUL
 */
#include <errno.h>
#include <error.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where they stand in the header (QEMU: docs/interop/qcow2.txt). */
enum {
    CLUSTER_BITS = 20,
    L1_OFFSET = 40,
    REFCOUNT_TABLE = 48,
    REFCOUNT_CLUSTERS = 56,
    SNAPSHOT_COUNT = 60,
    SNAPSHOTS = 64,
    INCOMPATIBLE = 72,
};

static FILE *image;

static uint64_t
get(uint64_t offset, int size)
{
    uint64_t number = 0;

    if (fseeko(image, (off_t)offset, SEEK_SET) != 0)
        error(1, errno, "seek");
    while (size-- > 0)
        number = number << 8 | (uint64_t)(fgetc(image) & 0xff);
    return number;
}

static void
put(uint64_t number, int size)
{
    while (size-- > 0)
        fputc((int)(number >> (8 * size) & 0xff), image);
}

static void
put_at(uint64_t offset, uint64_t number, int size)
{
    if (fseeko(image, (off_t)offset, SEEK_SET) != 0)
        error(1, errno, "seek");
    put(number, size);
}

static void
spoil_refcounts(uint64_t cluster_size)
{
    uint64_t table = get(REFCOUNT_TABLE, 8);
    uint64_t count = get(REFCOUNT_CLUSTERS, 4) * cluster_size / 8;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t block = get(table + 8 * i, 8);

        for (uint64_t at = 0; block && at < cluster_size; at += 8)
            put_at(block + at, 0, 8);
    }
}

/* An entry is 40 bytes, 24 of extra data, the id, the name, and zeroes up to 8 bytes. */
static void
multiply_snapshots(uint64_t cluster_size, uint32_t count)
{
    uint64_t old = get(SNAPSHOTS, 8);
    uint64_t l1_offset = get(old, 8), l1_size = get(old + 8, 4);
    uint64_t disk_size = get(old + 40 + 8, 8);

    if (fseeko(image, 0, SEEK_END) != 0)
        error(1, errno, "seek");
    uint64_t end = (uint64_t)ftello(image);
    uint64_t table = (end + cluster_size - 1) / cluster_size * cluster_size;
    put_at(SNAPSHOT_COUNT, count, 4);
    put(table, 8);
    fseeko(image, (off_t)table, SEEK_SET);
    for (uint32_t i = 1; i <= count; i++) {
        char id[16], name[16];
        int id_length = snprintf(id, sizeof(id), "%" PRIu32, i);
        int name_length = snprintf(name, sizeof(name), "s%" PRIu32, i);

        put(l1_offset, 8);
        put(l1_size, 4);
        put((uint64_t)id_length, 2);
        put((uint64_t)name_length, 2);
        put(1700000000 + i, 4); /* the date */
        put(0, 4);
        put(0, 8); /* the guest's clock */
        put(0, 4); /* bytes of memory */
        put(24, 4);
        put(0, 8);
        put(disk_size, 8);
        put(UINT64_MAX, 8);
        fputs(id, image);
        fputs(name, image);
        for (int at = id_length + name_length; at % 8 != 0; at++)
            put(0, 1);
    }
    /* Its clusters are counted by the first block, which has refcounts of 16 bits. */
    uint64_t last = ((uint64_t)ftello(image) - 1) / cluster_size;
    uint64_t block = get(get(REFCOUNT_TABLE, 8), 8);
    for (uint64_t cluster = table / cluster_size; cluster <= last; cluster++)
        put_at(block + 2 * cluster, 1, 2);
}

static uint64_t
whole_clusters(uint64_t bytes, uint64_t cluster_size)
{
    return (bytes + cluster_size - 1) / cluster_size;
}

static void
count_clusters(uint64_t first, uint64_t number, uint64_t references)
{
    uint64_t block = get(get(REFCOUNT_TABLE, 8), 8);

    for (uint64_t i = 0; i < number; i++)
        put_at(block + 2 * (first + i), references, 2);
}

/* A new table behind the end of the file, which is like the old one but for the names. */
static void
tag_snapshots(uint64_t cluster_size)
{
    uint64_t count = get(SNAPSHOT_COUNT, 4), old = get(SNAPSHOTS, 8), at = old;
    char *table = NULL, *name = NULL;
    size_t length = 0, space = 0;
    FILE *out = open_memstream(&table, &length);

    for (uint64_t i = 0; i < count; i++) {
        uint64_t id_length = get(at + 12, 2), name_length = get(at + 14, 2);
        uint64_t before_name = 40 + get(at + 36, 4) + id_length;
        ssize_t new_length = getdelim(&name, &space, '\0', stdin) - 1;

        if (new_length < 0)
            error(1, 0, "there are %" PRIu64 " snapshots", count);
        for (uint64_t byte = 0; byte < before_name; byte++)
            fputc((int)get(at + byte, 1), out);
        fseeko(out, -(off_t)before_name + 14, SEEK_CUR);
        fputc((int)(new_length >> 8), out);
        fputc((int)(new_length & 0xff), out);
        fseeko(out, (off_t)before_name - 16, SEEK_CUR);
        fwrite(name, 1, (size_t)new_length, out);
        while (ftello(out) % 8 != 0)
            fputc(0, out);
        at += (before_name + name_length + 7) / 8 * 8;
    }
    fclose(out);
    count_clusters(old / cluster_size, whole_clusters(at - old, cluster_size), 0);
    fseeko(image, 0, SEEK_END);
    uint64_t first = whole_clusters((uint64_t)ftello(image), cluster_size);
    count_clusters(first, whole_clusters(length, cluster_size), 1);
    put_at(SNAPSHOTS, first * cluster_size, 8);
    fseeko(image, (off_t)(first * cluster_size), SEEK_SET);
    fwrite(table, 1, length, image);
    free(table);
    free(name);
}

int
main(int argc, char **argv)
{
    if (argc < 3 || !(image = fopen(argv[2], "r+b")))
        error(2, errno, "usage: spoil-qcow2 WHAT IMAGE [NUMBER]");
    const char *what = argv[1];
    uint64_t cluster_size = UINT64_C(1) << get(CLUSTER_BITS, 4);
    uint64_t l1 = get(L1_OFFSET, 8), l2 = get(l1, 8) & UINT64_C(0x00fffffffffffe00);

    if (strcmp(what, "refcounts") == 0)
        spoil_refcounts(cluster_size);
    else if (strcmp(what, "l2") == 0)
        put_at(l2, UINT64_C(0x8000000000000200), 8);
    else if (strcmp(what, "l1") == 0)
        put_at(l1, UINT64_C(0x8000000000000000) | cluster_size << 20, 8);
    else if (strcmp(what, "corrupt") == 0)
        put_at(INCOMPATIBLE, get(INCOMPATIBLE, 8) | 2, 8);
    else if (strcmp(what, "dirty") == 0)
        put_at(INCOMPATIBLE, get(INCOMPATIBLE, 8) | 1, 8);
    else if (strcmp(what, "snapshots") == 0 && argc == 4)
        multiply_snapshots(cluster_size, (uint32_t)strtoul(argv[3], NULL, 10));
    else if (strcmp(what, "tags") == 0)
        tag_snapshots(cluster_size);
    else
        error(2, 0, "not known: %s", what);
    if (fclose(image) != 0)
        error(1, errno, "%s", argv[2]);
    return 0;
}
