/* SPDX-License-Identifier: MIT */
/* The snapshot table of a qcow2 image: qemu-img's, and hostile ones made by hand. */
#include <time.h>

#include "plugins/qcow2/snapshots.h"
#include "tests/unit/qcow2.h"

enum {
    CLUSTER_BITS = 12,
    TABLE_AT = 1 << CLUSTER_BITS,
    ENTRY_LENGTH = 40,
    VIRTUAL_SIZE = 1 << 20,
    IMAGE_SIZE = 4 * 4096,
};

/* ---- tables made by hand ---- */

/* What a header says of a table at TABLE_AT. */
static struct qcow2_header
header_with(uint32_t count)
{
    return (struct qcow2_header){.version = 3,
                                 .cluster_bits = CLUSTER_BITS,
                                 .virtual_size = VIRTUAL_SIZE,
                                 .snapshot_count = count,
                                 .snapshots_offset = TABLE_AT};
}

/* An entry with @extra bytes of extra data; returns where the next one begins. */
static size_t
put_entry(uint8_t *image, size_t at, const char *id, const char *name, size_t name_length,
          size_t extra)
{
    size_t id_length = strlen(id);

    unit_put(image, at, 8, 0x11000);
    unit_put(image, at + 8, 4, 7);
    unit_put(image, at + 12, 2, id_length);
    unit_put(image, at + 14, 2, name_length);
    unit_put(image, at + 16, 4, 1700000000);
    unit_put(image, at + 20, 4, 999999999);
    unit_put(image, at + 24, 8, UINT64_C(0x123456789abc));
    unit_put(image, at + 32, 4, 4096);
    unit_put(image, at + 36, 4, extra);
    if (extra >= 8)
        unit_put(image, at + ENTRY_LENGTH, 8, UINT64_C(0x500000000));
    if (extra >= 16)
        unit_put(image, at + ENTRY_LENGTH + 8, 8, 2 << 20);
    memcpy(image + at + ENTRY_LENGTH + extra, id, id_length);
    memcpy(image + at + ENTRY_LENGTH + extra + id_length, name, name_length);
    return (at + ENTRY_LENGTH + extra + id_length + name_length + 7) & ~(size_t)7;
}

static int
read_bytes(const uint8_t *image, size_t length, const struct qcow2_header *header,
           struct qcow2_snapshots *snapshots, const char **fault)
{
    _cleanup_close_ int fd = unit_image_open(image, length);

    *fault = NULL;
    return qcow2_snapshots_read(fd, header, snapshots, fault);
}

static void
expect_fault_of(int fd, const struct qcow2_header *header, const char *wanted)
{
    struct qcow2_snapshots snapshots;
    const char *fault = NULL;

    CU_ASSERT_EQUAL(qcow2_snapshots_read(fd, header, &snapshots, &fault), -1);
    UNIT_SAME(fault, wanted);
    CU_ASSERT_EQUAL(snapshots.count, 0);
    CU_ASSERT_PTR_NULL(snapshots.items);
}

static void
expect_fault(const uint8_t *image, size_t length, const struct qcow2_header *header,
             const char *wanted)
{
    _cleanup_close_ int fd = unit_image_open(image, length);

    expect_fault_of(fd, header, wanted);
}

static void
test_by_hand(void)
{
    uint8_t image[IMAGE_SIZE] = {0};
    struct qcow2_header header = header_with(4);
    struct qcow2_snapshots snapshots;
    const char *fault;
    size_t at[4] = {TABLE_AT};

    at[1] = put_entry(image, at[0], "1", "no extra data", 13, 0);
    at[2] = put_entry(image, at[1], "22", "of size only", 12, 8);
    at[3] = put_entry(image, at[2], "3", "cut\0here", 8, 16);
    size_t end = put_entry(image, at[3], "a-b", "", 0, QCOW2_SNAPSHOT_EXTRA_MAX);
    CU_ASSERT_EQUAL(read_bytes(image, end, &header, &snapshots, &fault), 0);
    UNIT_SAME(fault, NULL);
    CU_ASSERT_EQUAL_FATAL(snapshots.count, 4);
    CU_ASSERT_EQUAL((snapshots.table_size + 7) / 8 * 8, end - TABLE_AT);

    const struct qcow2_snapshot *first = &snapshots.items[0];
    UNIT_SAME(first->id, "1");
    UNIT_SAME(first->name, "no extra data");
    CU_ASSERT_EQUAL(first->l1_offset, 0x11000);
    CU_ASSERT_EQUAL(first->l1_size, 7);
    CU_ASSERT_EQUAL(first->date_seconds, 1700000000);
    CU_ASSERT_EQUAL(first->date_nanoseconds, 999999999);
    CU_ASSERT_EQUAL(first->vm_clock, UINT64_C(0x123456789abc));
    CU_ASSERT_EQUAL(first->vm_state_size, 4096);
    CU_ASSERT_EQUAL(first->disk_size, VIRTUAL_SIZE);
    CU_ASSERT_EQUAL(first->name_offset, at[0] + ENTRY_LENGTH + 1);
    CU_ASSERT_EQUAL(first->name_length, 13);

    UNIT_SAME(snapshots.items[1].id, "22");
    CU_ASSERT_EQUAL(snapshots.items[1].vm_state_size, UINT64_C(0x500000000));
    CU_ASSERT_EQUAL(snapshots.items[1].disk_size, VIRTUAL_SIZE);
    UNIT_SAME(snapshots.items[2].name, "cut");
    CU_ASSERT_EQUAL(snapshots.items[2].name_offset, at[2] + ENTRY_LENGTH + 16 + 1);
    CU_ASSERT_EQUAL(snapshots.items[2].name_length, 8);
    CU_ASSERT_EQUAL(snapshots.items[2].disk_size, 2 << 20);
    UNIT_SAME(snapshots.items[3].id, "a-b");
    UNIT_SAME(snapshots.items[3].name, "");
    CU_ASSERT_EQUAL(snapshots.items[3].extra_size, QCOW2_SNAPSHOT_EXTRA_MAX);
    qcow2_snapshots_clear(&snapshots);
}

/* More than is read at once, with entries across the borders. */
static void
test_long_table(void)
{
    enum { COUNT = 1500 };
    size_t length = 4 << 20, at = TABLE_AT;
    _cleanup_free_ uint8_t *image = calloc(1, length);
    struct qcow2_header header = header_with(COUNT);
    struct qcow2_snapshots snapshots;
    const char *fault;

    for (int i = 0; i < COUNT; i++) {
        _cleanup_free_ char *id = maqet_format("%d", i);
        _cleanup_free_ char *name = maqet_format("name-%0*d", i * 7 % 2000, i);

        at = put_entry(image, at, id, name, strlen(name), (size_t)(i % 1000));
    }
    CU_ASSERT_FATAL(at < length);
    CU_ASSERT_EQUAL_FATAL(read_bytes(image, length, &header, &snapshots, &fault), 0);
    CU_ASSERT_EQUAL(snapshots.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const struct qcow2_snapshot *snapshot = &snapshots.items[i];
        _cleanup_free_ char *id = maqet_format("%d", i);
        _cleanup_free_ char *name = maqet_format("name-%0*d", i * 7 % 2000, i);

        UNIT_SAME(snapshot->id, id);
        UNIT_SAME(snapshot->name, name);
        CU_ASSERT_TRUE(memcmp(image + snapshot->name_offset, name, strlen(name)) == 0);
    }
    qcow2_snapshots_clear(&snapshots);
}

/* ---- hostile ones ---- */

/* A field of the first entry, or of the header, is set to something else. */
static void
test_limits(void)
{
    uint8_t image[IMAGE_SIZE] = {0};
    struct qcow2_header header = header_with(2);
    size_t second = put_entry(image, TABLE_AT, "1", "one", 3, 16);
    size_t end = put_entry(image, second, "2", "two", 3, 16) - 4; /* of padding */

    header.snapshots_offset = 0;
    expect_fault(image, end, &header, "its snapshot table doesn't begin with a cluster");
    header.snapshots_offset = TABLE_AT + 8;
    expect_fault(image, end, &header, "its snapshot table doesn't begin with a cluster");
    header.snapshots_offset = UINT64_MAX;
    expect_fault(image, end, &header, "its snapshot table doesn't begin with a cluster");
    header.snapshots_offset = UINT64_MAX << CLUSTER_BITS;
    expect_fault(image, end, &header, "its snapshot table is cut off");
    header.snapshots_offset = IMAGE_SIZE;
    expect_fault(image, end, &header, "its snapshot table is cut off");

    header = header_with(UINT32_MAX);
    expect_fault(image, end, &header, "it has too many snapshots");
    header = header_with(QCOW2_SNAPSHOTS_MAX + 1);
    expect_fault(image, end, &header, "it has too many snapshots");
    header = header_with(QCOW2_SNAPSHOTS_MAX);
    expect_fault(image, end, &header, "its snapshot table is cut off");
    header = header_with(3);
    expect_fault(image, end, &header, "its snapshot table is cut off");

    header = header_with(2);
    for (size_t length = 0; length < end; length++)
        expect_fault(image, length, &header, "its snapshot table is cut off");
    unit_put(image, TABLE_AT + 36, 4, QCOW2_SNAPSHOT_EXTRA_MAX + 1);
    expect_fault(image, end, &header, "a snapshot has too much extra data");
    unit_put(image, TABLE_AT + 36, 4, UINT32_MAX);
    expect_fault(image, end, &header, "a snapshot has too much extra data");
    unit_put(image, TABLE_AT + 36, 4, QCOW2_SNAPSHOT_EXTRA_MAX);
    expect_fault(image, end, &header, "its snapshot table is cut off");
    unit_put(image, TABLE_AT + 36, 4, 16);
    unit_put(image, TABLE_AT + 12, 4, UINT32_MAX); /* both the id's and the name's */
    expect_fault(image, end, &header, "its snapshot table is cut off");
}

/* No snapshots, and then no matter where the table would be. */
static void
test_none(void)
{
    uint8_t image[IMAGE_SIZE] = {0};
    struct qcow2_header header = header_with(0);
    struct qcow2_snapshots snapshots;
    const char *fault;

    header.snapshots_offset = UINT64_MAX;
    CU_ASSERT_EQUAL(read_bytes(image, IMAGE_SIZE, &header, &snapshots, &fault), 0);
    CU_ASSERT_EQUAL(snapshots.count, 0);
    qcow2_snapshots_clear(&snapshots);
}

static void
test_most(void)
{
    _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
    struct qcow2_header header = header_with(QCOW2_SNAPSHOTS_MAX);
    struct qcow2_snapshots snapshots;
    const char *fault = NULL;
    uint8_t entry[ENTRY_LENGTH] = {0};
    /* The longest entries that there can be, of zeroes but for their lengths. */
    size_t size = (ENTRY_LENGTH + 2 * UINT16_MAX + 7) & ~7;

    CU_ASSERT_EQUAL(ftruncate(fd, 80 << 20), 0);
    CU_ASSERT_EQUAL(qcow2_snapshots_read(fd, &header, &snapshots, &fault), 0);
    CU_ASSERT_EQUAL(snapshots.count, QCOW2_SNAPSHOTS_MAX);
    CU_ASSERT_EQUAL(snapshots.table_size, QCOW2_SNAPSHOTS_MAX * ENTRY_LENGTH);
    qcow2_snapshots_clear(&snapshots);

    unit_put(entry, 12, 4, UINT32_MAX);
    for (size_t i = 0; i < 520; i++)
        CU_ASSERT_EQUAL(pwrite(fd, entry, sizeof(entry), (off_t)(TABLE_AT + i * size)),
                        sizeof(entry));
    header = header_with((uint32_t)(QCOW2_SNAPSHOT_TABLE_MAX / size));
    CU_ASSERT_EQUAL(qcow2_snapshots_read(fd, &header, &snapshots, &fault), 0);
    qcow2_snapshots_clear(&snapshots);
    header.snapshot_count++;
    expect_fault_of(fd, &header, "its snapshot table is too large");
}

static void
test_mutations(void)
{
    uint64_t random = 20240608;
    int rounds = unit_rounds(3000), accepted = 0, refused = 0;

    for (int i = 0; i < rounds; i++) {
        uint8_t image[IMAGE_SIZE] = {0};
        struct qcow2_header header = header_with(1 + (uint32_t)(i % 5));
        struct qcow2_snapshots snapshots;
        const char *fault;
        size_t at = TABLE_AT, length = IMAGE_SIZE;

        for (int entry = 0; entry < 5; entry++)
            at = put_entry(image, at, "17", "a name", 6, (size_t)(8 * entry));
        for (int change = 0; change < 1 + i % 4; change++)
            image[TABLE_AT + unit_random(&random) % (at - TABLE_AT)] =
                (uint8_t)unit_random(&random);
        if (i % 3 == 0)
            length = unit_random(&random) % IMAGE_SIZE;
        if (read_bytes(image, length, &header, &snapshots, &fault) < 0) {
            refused++;
            CU_ASSERT_PTR_NOT_NULL(fault);
            continue;
        }
        accepted++;
        for (size_t j = 0; j < snapshots.count; j++) {
            const struct qcow2_snapshot *snapshot = &snapshots.items[j];

            CU_ASSERT_TRUE(strlen(snapshot->name) <= snapshot->name_length);
            CU_ASSERT_TRUE(snapshot->name_offset + snapshot->name_length <= length);
        }
        qcow2_snapshots_clear(&snapshots);
    }
    CU_ASSERT_TRUE(accepted > rounds / 10);
    CU_ASSERT_TRUE(refused > rounds / 10);
}

/* ---- renaming ---- */

static void
expect_rename_fault(int fd, const struct qcow2_snapshot *snapshot, const char *name,
                    const char *wanted)
{
    const char *fault = NULL;

    CU_ASSERT_EQUAL(qcow2_snapshot_rename(fd, snapshot, name, &fault), -1);
    UNIT_SAME(fault, wanted);
}

static void
test_rename_by_hand(void)
{
    uint8_t image[IMAGE_SIZE] = {0}, before[IMAGE_SIZE];
    struct qcow2_header header = header_with(2);
    struct qcow2_snapshots snapshots;
    const char *fault = NULL;
    size_t second = put_entry(image, TABLE_AT, "1", "one", 3, 16);

    put_entry(image, second, "2", "cut\0here", 8, 16);
    _cleanup_close_ int fd = unit_image_open(image, IMAGE_SIZE);
    CU_ASSERT_EQUAL_FATAL(qcow2_snapshots_read(fd, &header, &snapshots, &fault), 0);

    const char *length = "the new name hasn't the length of the old one";
    expect_rename_fault(fd, &snapshots.items[0], "", length);
    expect_rename_fault(fd, &snapshots.items[0], "on", length);
    expect_rename_fault(fd, &snapshots.items[0], "four", length);
    expect_rename_fault(fd, &snapshots.items[1], "ten", length);
    CU_ASSERT_EQUAL(pread(fd, before, IMAGE_SIZE, 0), IMAGE_SIZE);
    CU_ASSERT_TRUE(memcmp(image, before, IMAGE_SIZE) == 0);

    /* Twice, as after a kill; and these bytes only are others. */
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(qcow2_snapshot_rename(fd, &snapshots.items[0], "ten", &fault), 0);
    CU_ASSERT_EQUAL(qcow2_snapshot_rename(fd, &snapshots.items[1], "complete", &fault),
                    0);
    memcpy(image + snapshots.items[0].name_offset, "ten", 3);
    memcpy(image + snapshots.items[1].name_offset, "complete", 8);
    CU_ASSERT_EQUAL(pread(fd, before, IMAGE_SIZE, 0), IMAGE_SIZE);
    CU_ASSERT_TRUE(memcmp(image, before, IMAGE_SIZE) == 0);

    /* "one" isn't there any more, and neither is "six". */
    const char *changed = "its snapshot table was changed meanwhile";
    expect_rename_fault(fd, &snapshots.items[0], "six", changed);
    CU_ASSERT_EQUAL(ftruncate(fd, TABLE_AT), 0);
    expect_rename_fault(fd, &snapshots.items[0], "six", changed);
    qcow2_snapshots_clear(&snapshots);
}

/* Nothing is written through a descriptor that is there for reading. */
static void
test_rename_not_allowed(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "image", "name");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    char name[] = "name";
    struct qcow2_snapshot snapshot = {.name = name, .name_length = 4};

    expect_rename_fault(fd, &snapshot, "else", "Bad file descriptor");
}

/* ---- of qemu-img ---- */

static const char *const odd_names[] = {
    "one",
    "with spaces and\ttabs",
    "\xc3\xbc\xf0\x9f\x92\xbe",
    "\xff not of UTF-8 \x80",
    "-d",
    "3",
    "a,b=c:d\"e'f\\g",
    "two\nlines",
    "\x1b[31mred",
    "a name of two hundred and fifty-five bytes ----------------------------------------"
    "------------------------------------------------------------------------------------"
    "--"
    "------------------------------------------------------------------------------------"
    "--",
};

static void
make_image(const char *path)
{
    unit_tool("qemu-img", "create", "-q", "-fqcow2", path, "3M", NULL);
}

/* Reads the table of an image; it must have none that is out of bounds. */
static struct qcow2_snapshots
read_table(int fd)
{
    struct qcow2_header header;
    struct qcow2_snapshots snapshots = {0};
    const char *fault = NULL;

    CU_ASSERT_EQUAL(qcow2_header_read(fd, &header, &fault), 0);
    UNIT_SAME(fault, NULL);
    CU_ASSERT_EQUAL(qcow2_snapshots_read(fd, &header, &snapshots, &fault), 0);
    UNIT_SAME(fault, NULL);
    return snapshots;
}

static void
test_of_qemu_img(void)
{
    enum { COUNT = sizeof(odd_names) / sizeof(*odd_names) };
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    struct qcow2_snapshots snapshots;
    time_t begin = time(NULL);

    if (!unit_have_qemu_tools())
        return;
    make_image(path);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    snapshots = read_table(fd);
    CU_ASSERT_EQUAL(snapshots.count, 0);

    for (size_t i = 0; i < COUNT; i++) {
        /* What was made before the disk grew keeps its size. */
        if (i == 1)
            unit_tool("qemu-img", "resize", "-q", path, "5M", NULL);
        unit_tool("qemu-img", "snapshot", "-c", odd_names[i], path, NULL);
        snapshots = read_table(fd);
        CU_ASSERT_EQUAL_FATAL(snapshots.count, i + 1);
        qcow2_snapshots_clear(&snapshots);
    }
    snapshots = read_table(fd);
    for (size_t i = 0; i < COUNT; i++) {
        const struct qcow2_snapshot *snapshot = &snapshots.items[i];
        _cleanup_free_ char *id = maqet_format("%zu", i + 1);

        UNIT_SAME(snapshot->id, id);
        UNIT_SAME(snapshot->name, odd_names[i]);
        CU_ASSERT_EQUAL(snapshot->name_length, strlen(odd_names[i]));
        CU_ASSERT_TRUE(snapshot->date_seconds >= begin);
        CU_ASSERT_TRUE(snapshot->date_seconds <= time(NULL));
        CU_ASSERT_TRUE(snapshot->date_nanoseconds < 1000000000);
        CU_ASSERT_EQUAL(snapshot->vm_clock, 0);
        CU_ASSERT_EQUAL(snapshot->vm_state_size, 0);
        CU_ASSERT_EQUAL(snapshot->disk_size, UINT64_C(1048576) * (i == 0 ? 3 : 5));
        CU_ASSERT_EQUAL(snapshot->l1_size, 1);
    }
    qcow2_snapshots_clear(&snapshots);

    for (int i = 0; i < 2; i++)
        unit_tool("qemu-img", "snapshot", "-d", odd_names[i], path, NULL);
    snapshots = read_table(fd);
    CU_ASSERT_EQUAL(snapshots.count, COUNT - 2);
    UNIT_SAME(snapshots.items[0].id, "3");
    qcow2_snapshots_clear(&snapshots);
}

/* Version 2, where the header has its end before most of the fields. */
static void
test_version_2(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    struct qcow2_header header;
    const char *fault = NULL;

    if (!unit_have_qemu_tools())
        return;
    unit_tool("qemu-img", "create", "-q", "-fqcow2", "-ocompat=0.10,cluster_size=512",
              path, "3M", NULL);
    unit_tool("qemu-img", "snapshot", "-c", "one", path, NULL);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct qcow2_snapshots snapshots = read_table(fd);
    CU_ASSERT_EQUAL(qcow2_header_read(fd, &header, &fault), 0);
    CU_ASSERT_EQUAL(header.refcount_bits, 16);
    CU_ASSERT_EQUAL_FATAL(snapshots.count, 1);
    UNIT_SAME(snapshots.items[0].name, "one");
    CU_ASSERT_EQUAL(snapshots.items[0].disk_size, 3 << 20);
    CU_ASSERT_EQUAL(snapshots.items[0].l1_size, header.l1_size);
    qcow2_snapshots_clear(&snapshots);
}

/* What QEMU says of an image after a name in it was overwritten. */
static void
test_rename(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    _cleanup_strings_ struct maqet_strings list = MAQET_STRINGS_INIT;
    const char *fault = NULL;

    if (!unit_have_qemu_tools())
        return;
    make_image(path);
    for (const char *name = "abc"; *name; name++) {
        _cleanup_free_ char *full = maqet_format("checkpoint-%c", *name);

        unit_tool("qemu-img", "snapshot", "-c", full, path, NULL);
    }
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    struct qcow2_snapshots snapshots = read_table(fd);
    CU_ASSERT_EQUAL_FATAL(snapshots.count, 3);
    CU_ASSERT_EQUAL(
        qcow2_snapshot_rename(fd, &snapshots.items[1], "snapshot-new", &fault), 0);
    UNIT_SAME(fault, NULL);
    qcow2_snapshots_clear(&snapshots);

    unit_tool("qemu-img", "check", "-q", path, NULL);
    maqet_strings_add(&list, "qemu-img");
    maqet_strings_add(&list, "snapshot");
    maqet_strings_add(&list, "-l");
    maqet_strings_add(&list, path);
    _cleanup_free_ char *output = unit_run_strings(&list);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, " checkpoint-a "));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, " snapshot-new "));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, " checkpoint-c "));
    CU_ASSERT_PTR_NULL(strstr(output, "checkpoint-b"));
    unit_tool("qemu-img", "snapshot", "-a", "snapshot-new", path, NULL);
    unit_tool("qemu-img", "snapshot", "-d", "snapshot-new", path, NULL);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a table made by hand", test_by_hand},
        {"a long table", test_long_table},
        {"no snapshots", test_none},
        {"fields out of bounds", test_limits},
        {"the most and the longest", test_most},
        {"bytes changed at random", test_mutations},
        {"a name overwritten", test_rename_by_hand},
        {"a name that cannot be written", test_rename_not_allowed},
        {"tables of qemu-img's", test_of_qemu_img},
        {"a table in version 2", test_version_2},
        {"a name overwritten, as QEMU sees it", test_rename},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qcow2-snapshots", tests);
}
