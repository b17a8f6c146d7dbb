/* SPDX-License-Identifier: MIT */
/*
 * What deleting a snapshot would free, measured by QEMU: the clusters in use are counted
 * before and after it deletes one, by a counter that knows nothing but refcounts.
 */
#include "core/base/replacement.h"
#include "plugins/qcow2/usage.h"
#include "tests/unit/qcow2.h"

/* ---- trees of snapshots ---- */

/* The bytes of all clusters that have a refcount, by all of the refcount table. */
static uint64_t
bytes_in_use(const char *path)
{
    size_t length;
    _cleanup_free_ uint8_t *image = unit_image_read(path, &length);
    uint64_t size = UINT64_C(1) << unit_get(image, 20, 4);
    uint64_t table = unit_get(image, 48, 8), clusters = unit_get(image, 56, 4);
    uint64_t bits =
        unit_get(image, 4, 4) == 2 ? 16 : UINT64_C(1) << unit_get(image, 96, 4);
    uint64_t count = 0;

    for (uint64_t entry = 0; entry < clusters * size / 8; entry++) {
        uint64_t block = unit_get(image, table + 8 * entry, 8);

        for (uint64_t at = 0; block != 0 && at < size * 8; at += bits)
            if (bits >= 8)
                count += unit_get(image, block + at / 8, bits / 8) != 0;
            else
                count += (image[block + at / 8] >> at % 8 & ((1 << bits) - 1)) != 0;
    }
    return count * size;
}

/* How a tree is made. */
struct tree {
    uint32_t cluster_bits;
    const char *options; /* more than the cluster size */
    const char *amend;   /* options to change before snapshots are made, or NULL */
    int snapshots;
    bool compress;
};

static const struct tree trees[] = {
    {12, "", NULL, 5, true},
    {13, "", NULL, 5, true},
    {14, "", NULL, 5, true},
    {15, "", NULL, 5, true},
    {16, "", NULL, 5, true},
    {14, ",extended_l2=on", NULL, 5, true},
    {16, ",extended_l2=on", NULL, 5, true},
    {12, ",refcount_bits=2", NULL, 2, false},
    {12, ",refcount_bits=4", NULL, 5, false},
    {12, ",refcount_bits=8", NULL, 5, true},
    {13, ",refcount_bits=32", NULL, 5, true},
    {12, ",refcount_bits=64", NULL, 5, true},
    {16, ",refcount_bits=64", NULL, 5, true},
    {12, ",compat=0.10", NULL, 5, true},
    {16, ",lazy_refcounts=on", NULL, 5, true},
    {12, ",preallocation=metadata", NULL, 4, false},
    {12, ",compression_type=zstd", NULL, 5, true},
    {9, "", NULL, 5, true},
    {12, "", "refcount_bits=8", 5, true},
    {12, "", NULL, 12, true},
};

/* The disk is changed at 64 places only, so that much is changed more than once. */
static uint64_t
choose_place(uint64_t disk_size, uint64_t *random)
{
    return unit_random(random) % 64 * (disk_size / 64);
}

/* A command of qemu-io's that writes, writes zeroes or discards. */
static void
add_change(struct maqet_strings *argv, const struct tree *tree, uint64_t disk_size,
           uint64_t *random)
{
    const char *const zero[] = {"write -z", "write -z -u", "discard"};
    uint64_t size = UINT64_C(1) << tree->cluster_bits;
    uint64_t at = choose_place(disk_size, random) + unit_random(random) % 2 * size;
    uint64_t length = size * (1 + unit_random(random) % 3);
    uint64_t kind = unit_random(random) % 8;

    maqet_strings_add(argv, "-c");
    if (kind < 3)
        maqet_strings_addf(argv, "%s -q %" PRIu64 " %" PRIu64, zero[kind], at, length);
    else
        maqet_strings_addf(argv, "write -q -P %" PRIu64 " %" PRIu64 " %" PRIu64, kind, at,
                           kind % 2 ? length : 512);
}

static void
begin_change(struct maqet_strings *argv)
{
    maqet_strings_add(argv, "qemu-io");
    maqet_strings_add(argv, "-fqcow2");
    maqet_strings_add(argv, "-tunsafe");
    maqet_strings_add(argv, "-dunmap");
}

/*
 * Compressed data overwrites nothing, so its places are made free first. That is done by
 * another process: one QEMU remembers the end of what it compressed, and goes on there
 * even when that cluster was made free and belongs to something else by then.
 */
static void
change(const char *path, const struct tree *tree, uint64_t disk_size, const char *source,
       uint64_t *random)
{
    enum { COMPRESSED = 6 };
    _cleanup_strings_ struct maqet_strings first = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings second = MAQET_STRINGS_INIT;
    uint64_t size = UINT64_C(1) << tree->cluster_bits;
    uint64_t base = choose_place(disk_size, random);

    begin_change(&first);
    begin_change(&second);
    for (int i = 0; i < 12; i++)
        add_change(&first, tree, disk_size, random);
    for (uint64_t i = 0; i < COMPRESSED; i++) {
        uint64_t at = (base + i * (disk_size / 64 + size)) % disk_size;

        maqet_strings_add(&first, "-c");
        maqet_strings_addf(&first, "discard -q %" PRIu64 " %" PRIu64, at, size);
        maqet_strings_add(&second, "-c");
        if (unit_random(random) % 2) /* to a few bytes */
            maqet_strings_addf(&second, "write -q -c -P 7 %" PRIu64 " %" PRIu64, at,
                               size);
        else /* to more than half of a cluster */
            maqet_strings_addf(&second, "write -q -c -s %s %" PRIu64 " %" PRIu64, source,
                               at, size);
    }
    maqet_strings_add(&first, path);
    maqet_strings_add(&second, path);
    free(unit_run_strings(&first));
    if (tree->compress)
        free(unit_run_strings(&second));
}

/* Half of it is noise, so that it is compressed to about a half. */
static char *
make_source(const char *folder)
{
    enum { LENGTH = 1 << 16 };
    _cleanup_free_ char *bytes = calloc(1, LENGTH);
    char *path = maqet_format("%s/source", folder);
    uint64_t random = 7;

    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = (char)(i % 512 < 288 ? unit_random(&random) : 0);
    if (maqet_file_replace(path, bytes, LENGTH, 0600, NULL) < 0)
        abort();
    return path;
}

/* Makes an image with snapshots "s0", "s1", ... that branch. */
static void
make_tree(const char *path, const struct tree *tree, const char *source, uint64_t *random)
{
    uint64_t disk_size = UINT64_C(1) << (tree->cluster_bits + 13);
    _cleanup_free_ char *size = maqet_format("%" PRIu64, disk_size);
    _cleanup_free_ char *options =
        maqet_format("cluster_size=%d%s", 1 << tree->cluster_bits, tree->options);

    unit_tool("qemu-img", "create", "-q", "-fqcow2", "-o", options, path, size, NULL);
    if (tree->amend)
        unit_tool("qemu-img", "amend", "-q", "-fqcow2", "-o", tree->amend, path, NULL);
    for (int i = 0; i < tree->snapshots; i++) {
        _cleanup_free_ char *name = maqet_format("s%d", i);
        uint64_t other = unit_random(random) % (2 * (uint64_t)tree->snapshots);

        change(path, tree, disk_size, source, random);
        unit_tool("qemu-img", "snapshot", "-c", name, path, NULL);
        if (other < (uint64_t)i) {
            _cleanup_free_ char *back = maqet_format("s%" PRIu64, other);

            unit_tool("qemu-img", "snapshot", "-a", back, path, NULL);
        }
    }
    change(path, tree, disk_size, source, random);
}

/* Reads all of an image's snapshots. The caller clears them and frees *used. */
static int
read_all(int fd, struct qcow2_snapshots *snapshots, uint64_t **used, const char **fault)
{
    struct qcow2_header header;

    *fault = NULL;
    if (qcow2_header_read(fd, &header, fault) < 0 ||
        qcow2_snapshots_read(fd, &header, snapshots, fault) < 0)
        return -1;
    *used = calloc(snapshots->count + 1, sizeof(**used));
    return qcow2_usage_read(fd, &header, snapshots, *used, fault);
}

/* Deletes one of the snapshots; returns whether the prediction was right to the byte. */
static bool
delete_one(const char *path, uint64_t cluster_size, uint64_t *random, size_t *left)
{
    _cleanup_free_ uint64_t *used = NULL;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct qcow2_snapshots snapshots = {0};
    const char *fault;

    *left = 0;
    CU_ASSERT_EQUAL(read_all(fd, &snapshots, &used, &fault), 0);
    UNIT_SAME(fault, NULL);
    if (snapshots.count == 0 || !used)
        return false;
    *left = snapshots.count - 1;
    size_t victim = unit_random(random) % snapshots.count;
    uint64_t before = bytes_in_use(path);
    unit_tool("qemu-img", "snapshot", "-d", snapshots.items[victim].name, path, NULL);
    uint64_t freed = before - bytes_in_use(path);
    uint64_t more = freed > used[victim] ? freed : used[victim];
    uint64_t less = freed > used[victim] ? used[victim] : freed;
    if (more - less > cluster_size)
        printf("\n    %s: %" PRIu64 " bytes predicted, %" PRIu64 " freed\n",
               snapshots.items[victim].name, used[victim], freed);
    CU_ASSERT_TRUE(more - less <= cluster_size);
    qcow2_snapshots_clear(&snapshots);
    return more == less;
}

static void
test_trees(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    _cleanup_free_ char *source = make_source(folder);
    uint64_t random = 20240609;
    unsigned deleted = 0, exact = 0;

    if (!unit_have_qemu_tools())
        return;
    for (int i = 0; i < unit_rounds(sizeof(trees) / sizeof(*trees)); i++) {
        size_t left = (size_t)trees[i].snapshots;

        make_tree(path, &trees[i], source, &random);
        for (int count = trees[i].snapshots; count > 0 && left > 0; count--) {
            exact +=
                delete_one(path, UINT64_C(1) << trees[i].cluster_bits, &random, &left);
            deleted++;
        }
        unit_tool("qemu-img", "check", "-q", path, NULL);
        CU_ASSERT_EQUAL(unlink(path), 0);
    }
    printf("%u of %u exact ", exact, deleted);
    CU_ASSERT_EQUAL(exact, deleted);
}

/* One bit has room for an image whose snapshot shares nothing with it. */
static void
test_one_bit(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    uint64_t random = 1;
    size_t left;

    if (!unit_have_qemu_tools())
        return;
    unit_tool("qemu-img", "create", "-q", "-fqcow2", "-ocluster_size=4k", path, "2M",
              NULL);
    unit_tool("qemu-io", "-fqcow2", "-c", "write -q 0 400k", path, NULL);
    unit_tool("qemu-img", "snapshot", "-c", "one", path, NULL);
    unit_tool("qemu-io", "-fqcow2", "-c", "write -q 0 400k", path, NULL);
    unit_tool("qemu-img", "amend", "-q", "-fqcow2", "-orefcount_bits=1", path, NULL);
    uint64_t before = bytes_in_use(path);
    CU_ASSERT_TRUE(delete_one(path, 4096, &random, &left));
    CU_ASSERT_EQUAL(before - bytes_in_use(path),
                    UINT64_C(103) * 4096); /* L1, L2 and old table too */
}

/* ---- images changed at random ---- */

/* Where an image's tables are: changes elsewhere would show nothing. */
struct places {
    size_t offsets[64];
    size_t count;
};

static void
add_place(struct places *places, uint64_t offset, size_t length)
{
    if (places->count < 64 && offset != 0 && offset < length)
        places->offsets[places->count++] = (size_t)offset;
}

static void
find_places(const uint8_t *image, size_t length, struct places *places)
{
    uint64_t mask = UINT64_C(0x00fffffffffffe00);
    uint64_t table = unit_get(image, 64, 8);
    _cleanup_close_ int fd = unit_image_open(image, length);
    _cleanup_free_ uint64_t *used = NULL;
    struct qcow2_snapshots snapshots = {0};
    const char *fault;

    places->offsets[places->count++] = 0;
    add_place(places, table, length);
    add_place(places, unit_get(image, 48, 8), length);
    add_place(places, unit_get(image, unit_get(image, 48, 8), 8), length);
    CU_ASSERT_EQUAL_FATAL(read_all(fd, &snapshots, &used, &fault), 0);
    for (size_t i = 0; i < snapshots.count; i++) {
        uint64_t l1 = snapshots.items[i].l1_offset;

        add_place(places, l1, length);
        for (uint64_t j = 0; j < snapshots.items[i].l1_size; j++)
            add_place(places, unit_get(image, l1 + 8 * j, 8) & mask, length);
    }
    qcow2_snapshots_clear(&snapshots);
}

/* Changes a few bytes where the tables are; returns what is left of the length. */
static size_t
mutate(uint8_t *image, size_t length, const struct places *places, uint64_t *random)
{
    uint64_t changes = 1 + unit_random(random) % 4;

    while (changes-- > 0) {
        size_t at = places->offsets[unit_random(random) % places->count];

        at += unit_random(random) % (at == 0 ? 104 : 96);
        if (unit_random(random) % 2)
            image[at] ^= (uint8_t)(1 << unit_random(random) % 8);
        else
            image[at] = (uint8_t)unit_random(random);
    }
    return unit_random(random) % 8 ? length : unit_random(random) % length;
}

static void
test_mutations(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    _cleanup_free_ char *source = make_source(folder);
    struct places places = {.count = 0};
    uint64_t random = 20240610;
    int accepted = 0, refused = 0;
    size_t length;

    if (!unit_have_qemu_tools())
        return;
    make_tree(path, &trees[0], source, &random);
    _cleanup_free_ uint8_t *image = unit_image_read(path, &length);
    _cleanup_free_ uint8_t *copy = malloc(length);
    find_places(image, length, &places);
    int rounds = unit_rounds(800);
    for (int i = 0; i < rounds; i++) {
        _cleanup_free_ uint64_t *used = NULL;
        struct qcow2_snapshots snapshots = {0};
        const char *fault;

        memcpy(copy, image, length);
        size_t rest = mutate(copy, length, &places, &random);
        _cleanup_close_ int fd = unit_image_open(copy, rest);
        if (read_all(fd, &snapshots, &used, &fault) < 0) {
            refused++;
            CU_ASSERT_PTR_NOT_NULL(fault);
        } else {
            accepted++;
            for (size_t j = 0; j < snapshots.count; j++)
                CU_ASSERT_TRUE(used[j] <= rest + (UINT64_C(1) << 21));
        }
        qcow2_snapshots_clear(&snapshots);
    }
    printf("%d accepted, %d refused ", accepted, refused);
    CU_ASSERT_TRUE(accepted > rounds / 10);
    CU_ASSERT_TRUE(refused > rounds / 10);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"trees of snapshots, deleted by QEMU", test_trees},
        {"refcounts of one bit", test_one_bit},
        {"bytes changed at random", test_mutations},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qcow2-trees", tests);
}
