/* SPDX-License-Identifier: MIT */
/* What a qcow2 image says of itself: images of qemu-img's, and hostile ones made by hand.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "core/base/process.h"
#include "plugins/common/probe.h"
#include "plugins/qcow2/header.h"
#include "tests/unit/unit.h"

enum { IMAGE_SIZE = 4096, CLUSTER_BITS = 12, HEADER_LENGTH = 104, NAME_AT = 1024 };

/* ---- images made by hand ---- */

static void
put32(uint8_t *image, size_t offset, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        image[offset + i] = (uint8_t)(value >> (24 - 8 * i));
}

static void
put64(uint8_t *image, size_t offset, uint64_t value)
{
    put32(image, offset, (uint32_t)(value >> 32));
    put32(image, offset + 4, (uint32_t)value);
}

static void
put_text(uint8_t *image, size_t offset, const char *text)
{
    while (*text)
        image[offset++] = (uint8_t)*text++;
}

/* A header extension at the beginning of those; returns where the next one begins. */
static size_t
put_extension(uint8_t *image, size_t offset, uint32_t type, const char *text)
{
    put32(image, offset, type);
    put32(image, offset + 4, (uint32_t)strlen(text));
    put_text(image, offset + 8, text);
    return offset + 8 + ((strlen(text) + 7) & ~(size_t)7);
}

/* One cluster with a header of version 3 that is as it should be. */
static void
make_image(uint8_t *image)
{
    memset(image, 0, IMAGE_SIZE);
    put_text(image, 0, "QFI\xfb");
    put32(image, 4, 3);
    put32(image, 20, CLUSTER_BITS);
    put64(image, 24, 1 << 20);
    put32(image, 96, 4);
    put32(image, 100, HEADER_LENGTH);
}

/* The same on a base named @name. */
static void
make_overlay(uint8_t *image, const char *name)
{
    make_image(image);
    put64(image, 8, NAME_AT);
    put32(image, 16, (uint32_t)strlen(name));
    put_text(image, NAME_AT, name);
}

/* Reads the header of @length bytes of an image. */
static int
read_image(const uint8_t *image, size_t length, struct qcow2_header *header,
           const char **fault)
{
    _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);

    *fault = NULL;
    if (fd < 0 || write(fd, image, length) != (ssize_t)length)
        abort();
    return qcow2_header_read(fd, header, fault);
}

static void
expect_fault(const uint8_t *image, size_t length, const char *wanted)
{
    struct qcow2_header header;
    const char *fault;

    CU_ASSERT_EQUAL(read_image(image, length, &header, &fault), -1);
    UNIT_SAME(fault, wanted);
}

static void
test_by_hand(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;

    make_overlay(image, "/base,=1 \xc3\xbc.raw");
    size_t next = put_extension(image, HEADER_LENGTH, 0xe2792aca, "raw");
    next = put_extension(image, next, 0x6803f857, "a feature name table");
    put_extension(image, next, 0x44415441, "data.raw");
    CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
    UNIT_SAME(fault, NULL);
    CU_ASSERT_EQUAL(header.version, 3);
    CU_ASSERT_EQUAL(header.cluster_bits, CLUSTER_BITS);
    CU_ASSERT_EQUAL(header.virtual_size, 1 << 20);
    UNIT_SAME(header.backing_file, "/base,=1 \xc3\xbc.raw");
    UNIT_SAME(header.backing_format, "raw");
    UNIT_SAME(header.data_file, "data.raw");
    CU_ASSERT_TRUE(qcow2_has_data_file(&header));
}

/* Where the tables are is as the image has it, however wild: their readers judge. */
static void
test_places(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;

    make_image(image);
    put32(image, 36, UINT32_MAX);
    put64(image, 40, 3);
    put64(image, 48, UINT64_MAX);
    put32(image, 56, UINT32_MAX - 1);
    put32(image, 60, 65537);
    put64(image, 64, INT64_MAX);
    for (uint32_t order = 0; order <= 6; order++) {
        put32(image, 96, order);
        CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
        CU_ASSERT_EQUAL(header.refcount_bits, UINT32_C(1) << order);
    }
    CU_ASSERT_EQUAL(header.l1_size, UINT32_MAX);
    CU_ASSERT_EQUAL(header.l1_table_offset, 3);
    CU_ASSERT_EQUAL(header.refcount_table_offset, UINT64_MAX);
    CU_ASSERT_EQUAL(header.refcount_table_clusters, UINT32_MAX - 1);
    CU_ASSERT_EQUAL(header.snapshot_count, 65537);
    CU_ASSERT_EQUAL(header.snapshots_offset, INT64_MAX);
    /* Version 2 has no such field, whatever stands in its place. */
    put32(image, 4, 2);
    put32(image, 96, UINT32_MAX);
    put32(image, 72, 0); /* the end of the extensions, that come there then */
    CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
    CU_ASSERT_EQUAL(header.refcount_bits, 16);
}

static void
test_longest_names(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;
    char name[QCOW2_NAME_MAX + 1];

    memset(name, 'n', sizeof(name));
    name[QCOW2_NAME_MAX] = '\0';
    make_overlay(image, name);
    CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
    UNIT_SAME(header.backing_file, name);
    put32(image, 16, QCOW2_NAME_MAX + 1);
    expect_fault(image, sizeof(image), "the name of its backing file is too long");
}

/* QEMU reads what lies beyond the end of a file as zeroes: here, as the last extension.
 */
static void
test_ends_after_header(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;

    make_image(image);
    CU_ASSERT_EQUAL(read_image(image, HEADER_LENGTH, &header, &fault), 0);
    UNIT_SAME(header.backing_file, "");
    CU_ASSERT_FALSE(qcow2_has_data_file(&header));
}

/* ---- hostile ones ---- */

/* One field of an overlay is set to something else. */
static const struct {
    size_t offset;
    size_t bytes;
    uint64_t value;
    const char *fault;
} hostile_fields[] = {
    {0, 4, 0, "it doesn't begin as one"},
    {4, 4, 0, "its version is neither 2 nor 3"},
    {4, 4, 1, "its version is neither 2 nor 3"},
    {4, 4, 4, "its version is neither 2 nor 3"},
    {4, 4, UINT32_MAX, "its version is neither 2 nor 3"},
    {8, 8, 8, "the name of its backing file is outside its header"},
    {8, 8, HEADER_LENGTH - 1, "the name of its backing file is outside its header"},
    {8, 8, IMAGE_SIZE - 1, "the name of its backing file is outside its header"},
    {8, 8, IMAGE_SIZE + 1, "the name of its backing file is outside its header"},
    {8, 8, INT64_MAX, "the name of its backing file is outside its header"},
    {8, 8, UINT64_MAX, "the name of its backing file is outside its header"},
    {16, 4, QCOW2_NAME_MAX + 1, "the name of its backing file is too long"},
    {16, 4, IMAGE_SIZE, "the name of its backing file is outside its header"},
    {16, 4, UINT32_MAX, "the name of its backing file is outside its header"},
    {16, 4, 6, "a name in its header has control characters in it"},
    {20, 4, 0, "its cluster size is out of bounds"},
    {20, 4, 8, "its cluster size is out of bounds"},
    {20, 4, 22, "its cluster size is out of bounds"},
    {20, 4, 63, "its cluster size is out of bounds"},
    {20, 4, UINT32_MAX, "its cluster size is out of bounds"},
    {24, 8, UINT64_C(1) << 63, "its virtual size is out of bounds"},
    {24, 8, UINT64_MAX, "its virtual size is out of bounds"},
    {32, 4, 3, "it is encrypted by a method that is not known"},
    {96, 4, 7, "the width of its refcounts is out of bounds"},
    {96, 4, UINT32_MAX, "the width of its refcounts is out of bounds"},
    {100, 4, 0, "the length of its header is out of bounds"},
    {100, 4, 96, "the length of its header is out of bounds"},
    {100, 4, 105, "the length of its header is out of bounds"},
    {100, 4, IMAGE_SIZE + 8, "the length of its header is out of bounds"},
    {100, 4, UINT32_MAX - 7, "the length of its header is out of bounds"},
    {100, 4, NAME_AT + 8, "the name of its backing file is outside its header"},
    {HEADER_LENGTH + 4, 4, NAME_AT, "a header extension is longer than the header"},
    {HEADER_LENGTH + 4, 4, UINT32_MAX, "a header extension is longer than the header"},
    {HEADER_LENGTH + 4, 4, 16, "the name of its backing format is too long"},
    {NAME_AT, 4, 0x1b5b324a, "a name in its header has control characters in it"},
    {NAME_AT, 4, 0x2f610a62, "a name in its header has control characters in it"},
    {NAME_AT, 4, 0x2f617f62, "a name in its header has control characters in it"},
};

static void
test_hostile_fields(void)
{
    for (size_t i = 0; i < sizeof(hostile_fields) / sizeof(*hostile_fields); i++) {
        uint8_t image[IMAGE_SIZE];

        make_overlay(image, "/base");
        put_extension(image, HEADER_LENGTH, 0xe2792aca, "raw");
        if (hostile_fields[i].bytes == 8)
            put64(image, hostile_fields[i].offset, hostile_fields[i].value);
        else
            put32(image, hostile_fields[i].offset, (uint32_t)hostile_fields[i].value);
        expect_fault(image, sizeof(image), hostile_fields[i].fault);
    }
}

/* A data file may be named however far behind other extensions. */
static void
test_hostile_extensions(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;
    size_t next = HEADER_LENGTH;

    make_image(image);
    for (int i = 0; i < 100; i++)
        next = put_extension(image, next, 0x12345678, "");
    put_extension(image, next, 0x44415441, "/etc/shadow");
    CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
    UNIT_SAME(header.data_file, "/etc/shadow");
    /* ... but not for ever. */
    for (int i = 0; i < 160; i++)
        next = put_extension(image, next, 0x12345678, "");
    expect_fault(image, sizeof(image), "it has too many header extensions");

    make_image(image);
    put_extension(image, HEADER_LENGTH, 0x44415441, "/etc/shadow");
    put32(image, HEADER_LENGTH + 4, QCOW2_NAME_MAX + 1);
    expect_fault(image, sizeof(image), "the name of its data file is too long");

    /* The feature bit alone counts: QEMU would then want the name from elsewhere. */
    make_image(image);
    put64(image, 72, QCOW2_DATA_FILE);
    CU_ASSERT_EQUAL(read_image(image, sizeof(image), &header, &fault), 0);
    CU_ASSERT_TRUE(qcow2_has_data_file(&header));
}

static void
test_truncated(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    const char *fault;

    make_overlay(image, "/base");
    for (size_t length = 0; length < HEADER_LENGTH; length++)
        expect_fault(image, length, "it ends within its header");
    for (size_t length = HEADER_LENGTH; length < NAME_AT + strlen("/base"); length++)
        expect_fault(image, length, "a name in its header has control characters in it");
    CU_ASSERT_EQUAL(read_image(image, NAME_AT + strlen("/base"), &header, &fault), 0);
}

/* Whatever is accepted must hold to what the reader promises; the sanitizers see the
 * rest. */
static void
check_promises(const struct qcow2_header *header)
{
    const char *const texts[] = {header->backing_file, header->backing_format,
                                 header->data_file};
    const size_t limits[] = {QCOW2_NAME_MAX, QCOW2_FORMAT_MAX, QCOW2_NAME_MAX};

    CU_ASSERT_TRUE(header->version == 2 || header->version == 3);
    CU_ASSERT_TRUE(header->cluster_bits >= 9 && header->cluster_bits <= 21);
    CU_ASSERT_TRUE(header->virtual_size <= INT64_MAX);
    CU_ASSERT_TRUE(header->refcount_bits >= 1 && header->refcount_bits <= 64);
    for (size_t i = 0; i < 3; i++) {
        size_t length = strnlen(texts[i], limits[i] + 1);

        CU_ASSERT_TRUE(length <= limits[i]);
        for (size_t j = 0; j < length; j++)
            CU_ASSERT_TRUE((unsigned char)texts[i][j] >= ' ');
    }
}

static void
test_mutations(void)
{
    uint64_t random = 20240607; /* the same ones in each run */
    int rounds = unit_rounds(20000), accepted = 0, refused = 0;

    for (int i = 0; i < rounds; i++) {
        uint8_t image[IMAGE_SIZE];
        struct qcow2_header header;
        const char *fault;
        size_t length = IMAGE_SIZE;

        make_overlay(image, "/base");
        put_extension(image, HEADER_LENGTH, 0xe2792aca, "qcow2");
        for (int change = 0; change < 1 + i % 4; change++) {
            random ^= random << 13; /* xorshift64 */
            random ^= random >> 7;
            random ^= random << 17;
            /* Most of them where the fields are; the magic number stays. */
            image[4 + (random >> 8) % (i % 8 ? 132 : NAME_AT + 8)] = (uint8_t)random;
            if (random >> 60 == 0)
                length = (random >> 32) % IMAGE_SIZE;
        }
        if (read_image(image, length, &header, &fault) == 0) {
            accepted++;
            check_promises(&header);
        } else {
            refused++;
            CU_ASSERT_PTR_NOT_NULL(fault);
        }
    }
    /* The loop is worth nothing when all of one kind came out. */
    CU_ASSERT_TRUE(accepted > rounds / 20);
    CU_ASSERT_TRUE(refused > rounds / 20);
}

/* ---- images made by qemu-img ---- */

static bool
have_qemu_img(void)
{
    _cleanup_free_ char *program = maqet_process_find("qemu-img");

    return program;
}

/* Makes @path with `qemu-img create -f qcow2` and more arguments, and reads its header.
 */
static struct qcow2_header
made_by_qemu_img(const char *path, ...)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *err = NULL;
    struct qcow2_header header = {0};
    const char *argument, *fault = NULL;
    va_list arguments;

    maqet_strings_add(&argv, "qemu-img");
    maqet_strings_add(&argv, "create");
    maqet_strings_add(&argv, "-q");
    maqet_strings_add(&argv, "-fqcow2");
    va_start(arguments, path);
    while ((argument = va_arg(arguments, const char *)))
        maqet_strings_add(&argv, argument);
    va_end(arguments);
    maqet_strings_add(&argv, path);
    maqet_strings_add(&argv, "3M");
    /* See qcow2_create() for why it may fail by chance. */
    for (int tries = 5; tries > 0; tries--) {
        maqet_error_free(err);
        err = NULL;
        if (maqet_process_run((const char *const *)argv.items, unit_patience(60000), NULL,
                              &err) == 0)
            break;
    }
    UNIT_NO_ERROR(&err);

    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    UNIT_SAME(probe_format(fd), "qcow2");
    CU_ASSERT_EQUAL(qcow2_header_read(fd, &header, &fault), 0);
    UNIT_SAME(fault, NULL);
    CU_ASSERT_EQUAL(header.virtual_size, 3 << 20);
    return header;
}

static void
test_of_qemu_img(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/image", folder);
    _cleanup_free_ char *key = unit_file(folder, "key", "secret");
    _cleanup_free_ char *secret = maqet_format("secret,id=key,file=%s", key);
    _cleanup_free_ char *data = maqet_format("data_file=%s/data", folder);

    if (!have_qemu_img())
        return;
    struct qcow2_header header = made_by_qemu_img(path, NULL);
    CU_ASSERT_EQUAL(header.version, 3);
    CU_ASSERT_EQUAL(header.cluster_bits, 16);
    CU_ASSERT_EQUAL(header.incompatible_features, 0);
    UNIT_SAME(header.backing_file, "");

    header = made_by_qemu_img(path, "-u", "-b", "/some/base,1", "-F", "raw", NULL);
    UNIT_SAME(header.backing_file, "/some/base,1");
    UNIT_SAME(header.backing_format, "raw");
    CU_ASSERT_FALSE(qcow2_has_data_file(&header));

    header = made_by_qemu_img(path, "-ocompat=0.10,cluster_size=512", "-u", "-b", "base",
                              "-F", "qcow2", NULL);
    CU_ASSERT_EQUAL(header.version, 2);
    CU_ASSERT_EQUAL(header.cluster_bits, 9);
    UNIT_SAME(header.backing_file, "base");
    UNIT_SAME(header.backing_format, "qcow2");

    header = made_by_qemu_img(path, "-oextended_l2=on,cluster_size=2M", NULL);
    CU_ASSERT_EQUAL(header.incompatible_features, QCOW2_EXTENDED_L2);
    CU_ASSERT_EQUAL(header.cluster_bits, 21);

    header = made_by_qemu_img(path, "-o", data, NULL);
    CU_ASSERT_TRUE(qcow2_has_data_file(&header));
    UNIT_SAME(header.data_file, data + strlen("data_file="));

    header = made_by_qemu_img(
        path, "--object", secret,
        "-oencrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10", NULL);
    CU_ASSERT_EQUAL(header.crypt_method, QCOW2_CRYPT_LUKS);
}

/* ---- what a file is ---- */

static void
check_probe(const char *wanted, const char *start, size_t length, size_t offset)
{
    _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
    uint64_t size = 0;

    if (fd < 0 || pwrite(fd, start, length, (off_t)offset) != (ssize_t)length)
        abort();
    UNIT_SAME(probe_format(fd), wanted);
    CU_ASSERT_EQUAL(probe_size(fd, &size), 0);
    CU_ASSERT_EQUAL(size, length > 0 ? offset + length : 0);
}

static void
test_probe(void)
{
    check_probe("raw", "", 0, 0);
    check_probe("raw", "Q", 1, 0);
    check_probe("raw", "QFI", 3, 0);
    check_probe("qcow", "QFI\xfb\0\0\0\1", 8, 0);
    check_probe("qcow2", "QFI\xfb\0\0\0\2", 8, 0);
    check_probe("qcow2", "QFI\xfb\0\0\0\3", 8, 0);
    check_probe("vmdk", "KDMV", 4, 0);
    check_probe("vmdk", "# Disk DescriptorFile\n", 22, 0);
    check_probe("vdi", "\x7f\x10\xda\xbe", 4, 64);
    check_probe("vhdx", "vhdxfile", 8, 0);
    check_probe("qed", "QED", 4, 0);
    /* What a guest writes on a whole disk of its own. */
    check_probe("raw", "LUKS\xba\xbe", 6, 0);
    check_probe("raw", "\x55\xaa", 2, 510);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a header made by hand", test_by_hand},
        {"where the tables are", test_places},
        {"the longest names", test_longest_names},
        {"a file that ends after its header", test_ends_after_header},
        {"fields out of bounds", test_hostile_fields},
        {"extensions out of bounds", test_hostile_extensions},
        {"a header that is cut off", test_truncated},
        {"bytes changed at random", test_mutations},
        {"images of qemu-img's", test_of_qemu_img},
        {"what a file is", test_probe},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qcow2-header", tests);
}
