/* SPDX-License-Identifier: MIT */
/*
 * What deleting a snapshot would free, in images made by hand: all that there can be in
 * one, and what must not be. test-qcow2-trees.c compares with QEMU.
 */
#include "plugins/qcow2/usage.h"
#include "tests/unit/qcow2.h"

/* ---- images made by hand ---- */

enum { BITS = 12, SIZE = 1 << BITS, CLUSTERS = 16, IMAGE_SIZE = CLUSTERS * SIZE };

/* What lies in which cluster; two snapshots, A and B. */
enum {
    TABLE = 1,
    BLOCK,
    L1_A,
    L1_B,
    L2_A,
    L2_BOTH,
    DATA_A,
    DATA_BOTH,
    ZERO_A,       /* reads as zeroes, but has its place */
    COMPRESSED_A, /* two compressed ones in it, both of A */
    SPAN_FIRST,   /* a compressed one of A goes on ... */
    SPAN_SECOND,  /* ... in a cluster where B has another */
    L2_B,
    DATA_SHARED_L2,
};

#define AT(cluster) ((uint64_t)(cluster) << BITS)
#define COPIED (UINT64_C(1) << 63)

struct image {
    uint8_t bytes[IMAGE_SIZE];
    struct qcow2_header header;
    struct qcow2_snapshot items[2];
    struct qcow2_snapshots snapshots;
};

static uint64_t
compressed(uint64_t offset, uint64_t sectors)
{
    return UINT64_C(1) << 62 | (sectors - 1) << (62 - (BITS - 8)) | offset;
}

static void
set_refcount(struct image *image, uint64_t cluster, uint64_t refcount)
{
    uint32_t bits = image->header.refcount_bits;
    uint8_t *block = image->bytes + AT(BLOCK);

    if (bits >= 8) {
        unit_put(block, cluster * bits / 8, bits / 8, refcount);
        return;
    }
    for (uint32_t bit = 0; bit < bits; bit++) {
        uint64_t at = cluster * bits + bit;

        block[at / 8] &= (uint8_t) ~(1U << at % 8);
        block[at / 8] |= (uint8_t)((refcount >> bit & 1) << at % 8);
    }
}

static void
set_l2(struct image *image, int table, size_t index, uint64_t entry)
{
    size_t size = image->header.incompatible_features & QCOW2_EXTENDED_L2 ? 16 : 8;

    unit_put(image->bytes, AT(table) + index * size, 8, entry);
    if (size == 16) /* the subclusters, which must not matter */
        unit_put(image->bytes, AT(table) + index * size + 8, 8, UINT64_MAX);
}

static void
make_image(struct image *image, uint32_t refcount_bits, uint64_t features)
{
    static char id[] = "1", name[] = "name";

    *image = (struct image){0};
    image->header = (struct qcow2_header){.version = 3,
                                          .cluster_bits = BITS,
                                          .virtual_size = 1 << 20,
                                          .incompatible_features = features,
                                          .refcount_bits = refcount_bits,
                                          .refcount_table_offset = AT(TABLE),
                                          .refcount_table_clusters = 1,
                                          .snapshot_count = 2};
    for (int i = 0; i < 2; i++)
        image->items[i] = (struct qcow2_snapshot){
            .id = id, .name = name, .l1_offset = AT(i == 0 ? L1_A : L1_B), .l1_size = 3};
    image->snapshots =
        (struct qcow2_snapshots){.items = image->items, .count = 2, .table_size = 100};

    unit_put(image->bytes, AT(TABLE), 8, AT(BLOCK));
    for (uint64_t cluster = 0; cluster <= L2_B; cluster++)
        set_refcount(image, cluster, 1);
    unit_put(image->bytes, AT(L1_A), 8, AT(L2_A) | COPIED);
    unit_put(image->bytes, AT(L1_B) + 16, 8, AT(L2_B));
    set_l2(image, L2_A, 0, AT(DATA_A) | COPIED);
    set_l2(image, L2_A, 2, 1); /* zeroes without a place */
    set_l2(image, L2_A, 3, AT(ZERO_A) | 1);
    if (refcount_bits == 1)
        return;
    unit_put(image->bytes, AT(L1_A) + 8, 8, AT(L2_BOTH));
    unit_put(image->bytes, AT(L1_B) + 8, 8, AT(L2_BOTH));
    set_l2(image, L2_A, 1, AT(DATA_BOTH));
    set_l2(image, L2_B, 0, AT(DATA_BOTH));
    set_l2(image, L2_A, 4, compressed(AT(COMPRESSED_A), 1));
    set_l2(image, L2_A, 5, compressed(AT(COMPRESSED_A) + 0x321, 8 - 1));
    set_l2(image, L2_A, 100, compressed(AT(SPAN_SECOND) - 1, 2));
    set_l2(image, L2_B, 6, compressed(AT(SPAN_SECOND) + 600, 1));
    set_l2(image, L2_BOTH, 7, AT(DATA_SHARED_L2));
    set_refcount(image, L2_BOTH, 2);
    set_refcount(image, DATA_BOTH, 2);
    set_refcount(image, COMPRESSED_A, 2);
    set_refcount(image, SPAN_SECOND, 2);
    set_refcount(image, DATA_SHARED_L2, 2);
}

static int
read_image(const struct image *image, uint64_t *used, const char **fault)
{
    _cleanup_close_ int fd = unit_image_open(image->bytes, IMAGE_SIZE);

    *fault = NULL;
    return qcow2_usage_read(fd, &image->header, &image->snapshots, used, fault);
}

static void
expect_used(const struct image *image, uint64_t a, uint64_t b)
{
    uint64_t used[2] = {0};
    const char *fault;

    CU_ASSERT_EQUAL(read_image(image, used, &fault), 0);
    UNIT_SAME(fault, NULL);
    CU_ASSERT_EQUAL(used[0], a * SIZE);
    CU_ASSERT_EQUAL(used[1], b * SIZE);
}

static void
expect_fault(const struct image *image, const char *wanted)
{
    uint64_t used[2];
    const char *fault;

    CU_ASSERT_EQUAL(read_image(image, used, &fault), -1);
    UNIT_SAME(fault, wanted);
}

/* A: its L1 and L2 table, DATA_A, ZERO_A, COMPRESSED_A, SPAN_FIRST. B: its tables. */
static void
test_by_hand(void)
{
    struct image image;

    for (uint32_t bits = 2; bits <= 64; bits *= 2) {
        make_image(&image, bits, 0);
        expect_used(&image, 6, 2);
        make_image(&image, bits, QCOW2_EXTENDED_L2);
        expect_used(&image, 6, 2);
    }
    make_image(&image, 1, 0);
    expect_used(&image, 4, 2);
    /* Refcounts so large that all of their bytes matter. */
    make_image(&image, 64, 0);
    set_refcount(&image, DATA_A, UINT64_MAX);
    set_refcount(&image, L2_BOTH, UINT64_C(1) << 56);
    expect_used(&image, 5, 2);
    make_image(&image, 16, 0);
    set_refcount(&image, DATA_A, 256);
    expect_used(&image, 5, 2);
    /* Without tables of its own, a snapshot holds nothing. */
    image.items[1].l1_size = 0;
    expect_used(&image, 5, 0);
    image.header.incompatible_features = ~UINT64_C(0);
    image.snapshots.count = 0;
    expect_used(&image, 0, 0);
}

/* The table is written anew, and may go, shrink, and even grow by whole clusters. */
static void
test_snapshot_table(void)
{
    struct image image;
    char name[SIZE + 1];

    make_image(&image, 16, 0);
    image.snapshots.count = 1; /* none remains */
    expect_used(&image, 7, 0);
    make_image(&image, 16, 0);
    image.snapshots.table_size = 2 * SIZE + 1;
    expect_used(&image, 8, 4);

    memset(name, 'n', SIZE);
    name[SIZE] = '\0';
    make_image(&image, 16, 0);
    image.items[0].name = name;
    image.snapshots.table_size = SIZE + 200;
    expect_used(&image, 7, 2);
    /* The entry that stays was shorter in the table of an old QEMU. */
    image.snapshots.table_size = SIZE;
    expect_used(&image, 6, 1);
    image.items[1].l1_size = 0;
    expect_used(&image, 6, 0);
}

/* The same cluster twice in one snapshot. */
static void
test_twice(void)
{
    struct image image;

    make_image(&image, 16, 0);
    set_l2(&image, L2_A, 200, AT(DATA_A));
    expect_fault(&image, "a cluster has more references than its refcount tells");
    set_refcount(&image, DATA_A, 2);
    expect_used(&image, 6, 2);
    set_refcount(&image, DATA_A, 3);
    expect_used(&image, 5, 2);

    make_image(&image, 16, 0);
    unit_put(image.bytes, AT(L1_A) + 16, 8, AT(L2_A));
    expect_fault(&image, "a cluster has more references than its refcount tells");
    set_refcount(&image, L2_A, 2);
    expect_fault(&image, "a snapshot refers to an L2 table twice");
    set_refcount(&image, L2_A, 3);
    expect_used(&image, 1, 2);
}

/* ---- hostile ones ---- */

static const struct {
    uint64_t offset;
    uint64_t value; /* of 8 bytes */
    const char *fault;
} hostile_fields[] = {
    {AT(TABLE), 0, "a cluster in use has no refcount"},
    {AT(TABLE), AT(BLOCK) + 512, "a block of refcounts is at no cluster of its file"},
    {AT(TABLE), IMAGE_SIZE, "a block of refcounts is at no cluster of its file"},
    {AT(TABLE), UINT64_MAX << BITS, "a block of refcounts is at no cluster of its file"},
    {AT(TABLE), AT(CLUSTERS - 1),
     "a cluster has more references than its refcount tells"},
    {AT(L1_A), AT(L2_A) + 512, "a snapshot's L2 table doesn't begin with a cluster"},
    {AT(L1_A), COPIED, "a snapshot's L2 table doesn't begin with a cluster"},
    {AT(L1_A), IMAGE_SIZE, "a snapshot refers to clusters outside of its file"},
    {AT(L1_A), UINT64_C(0x00fffffffffff000),
     "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), AT(DATA_A) + 512, "a snapshot's data doesn't begin with a cluster"},
    {AT(L2_A), IMAGE_SIZE, "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), UINT64_C(0x00fffffffffff000),
     "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), UINT64_C(1) << 62 | IMAGE_SIZE,
     "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), UINT64_C(1) << 62, "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), UINT64_MAX, "a snapshot refers to clusters outside of its file"},
    {AT(L2_A), AT(CLUSTERS - 1), "a cluster has more references than its refcount tells"},
};

static void
test_hostile_fields(void)
{
    struct image image;

    for (size_t i = 0; i < sizeof(hostile_fields) / sizeof(*hostile_fields); i++) {
        make_image(&image, 16, 0);
        unit_put(image.bytes, hostile_fields[i].offset, 8, hostile_fields[i].value);
        expect_fault(&image, hostile_fields[i].fault);
    }
    /* The compressed data's last sector may lie behind the file's last cluster. */
    make_image(&image, 16, 0);
    set_l2(&image, L2_A, 0, compressed(IMAGE_SIZE - 1, 2));
    set_refcount(&image, CLUSTERS - 1, 1);
    expect_fault(&image, "a snapshot refers to clusters outside of its file");
}

static void
test_hostile_places(void)
{
    const char *table = "its refcount table is at no clusters of its file";
    const char *table_size = "the size of its refcount table is out of bounds";
    const uint64_t tables[] = {0, 8, AT(TABLE) + 512, IMAGE_SIZE, UINT64_MAX << BITS};
    const uint64_t l1_tables[] = {IMAGE_SIZE, UINT64_MAX << BITS};
    struct image image;

    make_image(&image, 16, 0);
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        image.header.refcount_table_offset = tables[i];
        expect_fault(&image, table);
    }
    image.header.refcount_table_offset = AT(TABLE);
    image.header.refcount_table_clusters = CLUSTERS;
    expect_fault(&image, table);
    image.header.refcount_table_clusters = 0;
    expect_fault(&image, table_size);
    image.header.refcount_table_clusters = (8 << 20) / SIZE + 1;
    expect_fault(&image, table_size);
    image.header.refcount_table_clusters = UINT32_MAX;
    expect_fault(&image, table_size);

    make_image(&image, 16, 0);
    for (size_t i = 0; i < sizeof(l1_tables) / sizeof(*l1_tables); i++) {
        image.items[1].l1_offset = l1_tables[i];
        expect_fault(&image, "a snapshot's L1 table is outside of its file");
    }
    image.items[1].l1_offset = AT(L1_B) + 8;
    expect_fault(&image, "a snapshot's L1 table doesn't begin with a cluster");
    image.items[1].l1_offset = 0; /* the header is no table */
    expect_fault(&image, "a snapshot refers to clusters outside of its file");
    image.items[1].l1_offset = AT(L1_B);
    image.items[1].l1_size = IMAGE_SIZE / 8;
    expect_fault(&image, "a snapshot's L1 table is outside of its file");
    image.items[1].l1_size = (32 << 20) / 8 + 1;
    expect_fault(&image, "a snapshot's L1 table is too large");
    image.items[1].l1_size = UINT32_MAX;
    expect_fault(&image, "a snapshot's L1 table is too large");
}

/* With clusters of 4 KiB and 64 bits, a block has 512 refcounts: the file must be longer
 * than that for a second block to be looked at. */
static void
test_hostile_blocks(void)
{
    struct image image;
    uint64_t used[2];
    const char *fault = NULL;

    make_image(&image, 64, 0);
    unit_put(image.bytes, AT(TABLE) + 8, 8, AT(BLOCK));
    expect_used(&image, 6, 2);
    _cleanup_close_ int fd = unit_image_open(image.bytes, IMAGE_SIZE);
    CU_ASSERT_EQUAL(ftruncate(fd, (512 + 1) * SIZE), 0);
    CU_ASSERT_EQUAL(qcow2_usage_read(fd, &image.header, &image.snapshots, used, &fault),
                    -1);
    UNIT_SAME(fault, "its refcount table has a block twice");

    /* A cluster of the file that the table ends before: it has 512 blocks. */
    uint64_t beyond = UINT64_C(512) * 512;
    unit_put(image.bytes, AT(TABLE) + 8, 8, 0);
    set_l2(&image, L2_A, 0, AT(beyond));
    CU_ASSERT_EQUAL(pwrite(fd, image.bytes, IMAGE_SIZE, 0), IMAGE_SIZE);
    CU_ASSERT_EQUAL(ftruncate(fd, (off_t)AT(beyond + 1)), 0);
    CU_ASSERT_EQUAL(qcow2_usage_read(fd, &image.header, &image.snapshots, used, &fault),
                    -1);
    UNIT_SAME(fault, "a cluster in use has no refcount");
}

static void
test_features(void)
{
    struct image image;

    make_image(&image, 16, QCOW2_DIRTY);
    expect_fault(&image, "its refcounts are out of date");
    make_image(&image, 16, QCOW2_CORRUPT);
    expect_fault(&image, "it is marked as corrupt");
    make_image(&image, 16, QCOW2_DATA_FILE);
    expect_fault(&image, "with an external data file there are no snapshots");
    make_image(&image, 16, UINT64_C(1) << 5);
    expect_fault(&image, "it uses features of qcow2 that are not known here");
    make_image(&image, 16, QCOW2_COMPRESSION_TYPE);
    expect_used(&image, 6, 2);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"images made by hand", test_by_hand},
        {"the snapshot table's own clusters", test_snapshot_table},
        {"clusters that one snapshot has twice", test_twice},
        {"fields out of bounds", test_hostile_fields},
        {"tables out of bounds", test_hostile_places},
        {"blocks of refcounts", test_hostile_blocks},
        {"features", test_features},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qcow2-usage", tests);
}
