/* SPDX-License-Identifier: MIT */
/* The view of a snapshot in a qcow2 image: what of the image's header it changes, and how
 * large a file it can stand before. That QEMU reads it is for tests/functional/export.sh.
 */
#include "plugins/qcow2/bytes.h"
#include "plugins/qcow2/header.h"
#include "plugins/qcow2/view.h"
#include "tests/unit/qcow2.h"

enum {
    CLUSTER = 64 * 1024, /* of the view */
    IMAGE_CLUSTER = 4096,
    IMAGE_SIZE = 4 * IMAGE_CLUSTER,
    TABLE_AT = 2 * IMAGE_CLUSTER,
    SNAPSHOT_L1_AT = 3 * IMAGE_CLUSTER,
    SNAPSHOT_SIZE = 5 << 20,
};

/* An image with one snapshot, '7', of another size than the disk has now. */
static void
put_image(uint8_t *image, uint32_t version)
{
    memset(image, 0xee, IMAGE_SIZE);
    memset(image, 0, 128);
    memcpy(image, "QFI\xfb", 4);
    unit_put(image, 4, 4, version);
    unit_put(image, 20, 4, 12);
    unit_put(image, 24, 8, 1 << 20);
    unit_put(image, 36, 4, 1);
    unit_put(image, 40, 8, IMAGE_CLUSTER);
    unit_put(image, 60, 4, 1);
    unit_put(image, 64, 8, TABLE_AT);
    unit_put(image, 72, 8, 1 + 16); /* dirty, extended L2 */
    unit_put(image, 80, 8, 1);      /* lazy refcounts */
    unit_put(image, 88, 8, 3);      /* bitmaps, and another autoclear bit */
    unit_put(image, 96, 4, 4);
    unit_put(image, 100, 4, 112);

    memset(image + TABLE_AT, 0, 60);
    unit_put(image, TABLE_AT, 8, SNAPSHOT_L1_AT);
    unit_put(image, TABLE_AT + 8, 4, 3);
    unit_put(image, TABLE_AT + 12, 2, 1);
    unit_put(image, TABLE_AT + 14, 2, 1);
    unit_put(image, TABLE_AT + 36, 4, 16);
    unit_put(image, TABLE_AT + 48, 8, SNAPSHOT_SIZE);
    memcpy(image + TABLE_AT + 56, "7n", 2);
}

/* The view's last cluster is what is seen of the image's beginning. */
static const uint8_t *
seen(const struct qcow2_view *view)
{
    return view->bytes + view->length - CLUSTER;
}

static void
check_header(uint32_t version)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_view view;
    const char *fault = NULL;

    put_image(image, version);
    _cleanup_close_ int fd = unit_image_open(image, sizeof(image));
    CU_ASSERT_EQUAL_FATAL(qcow2_view_read(fd, "7", &view, &fault), 0);
    const uint8_t *start = seen(&view);
    CU_ASSERT_EQUAL(view.virtual_size, SNAPSHOT_SIZE);
    CU_ASSERT_EQUAL(qcow2_be64(start + 24), SNAPSHOT_SIZE);
    CU_ASSERT_EQUAL(qcow2_be32(start + 36), 3);
    CU_ASSERT_EQUAL(qcow2_be64(start + 40), SNAPSHOT_L1_AT);
    CU_ASSERT_EQUAL(qcow2_be32(start + 60), 0);
    CU_ASSERT_EQUAL(qcow2_be64(start + 64), 0);
    CU_ASSERT_EQUAL(qcow2_be64(start + 72), version == 2 ? 17 : 16);
    CU_ASSERT_EQUAL(qcow2_be64(start + 80), 1);
    CU_ASSERT_EQUAL(qcow2_be64(start + 88), version == 2 ? 3 : 0);
    /* All else is as it was, up to the end of the file and beyond. */
    CU_ASSERT_EQUAL(memcmp(start, image, 24), 0);
    CU_ASSERT_EQUAL(memcmp(start + 96, image + 96, IMAGE_SIZE - 96), 0);
    for (size_t i = IMAGE_SIZE; i < CLUSTER; i++)
        CU_ASSERT_EQUAL_FATAL(start[i], 0);
    qcow2_view_clear(&view);
    CU_ASSERT_PTR_NULL(view.bytes);
}

static void
test_header(void)
{
    check_header(3);
    check_header(2); /* whose header ends before the features */
}

static void
expect_fault(const uint8_t *image, size_t length, const char *id, const char *wanted)
{
    _cleanup_close_ int fd = unit_image_open(image, length);
    struct qcow2_view view;
    const char *fault = NULL;

    CU_ASSERT_EQUAL(qcow2_view_read(fd, id, &view, &fault), -1);
    UNIT_SAME(fault, wanted);
    CU_ASSERT_PTR_NULL(view.bytes);
}

static void
test_faults(void)
{
    uint8_t image[IMAGE_SIZE];

    put_image(image, 3);
    expect_fault(image, sizeof(image), "8", "it has no such snapshot");
    expect_fault(image, sizeof(image), "n", "it has no such snapshot");
    expect_fault(image, TABLE_AT + 20, "7", "its snapshot table is cut off");
    expect_fault(image, 60, "7", "it ends within its header");
    unit_put(image, 60, 4, 0);
    expect_fault(image, sizeof(image), "7", "it has no such snapshot");
    image[0] = 'X';
    expect_fault(image, sizeof(image), "7", "it doesn't begin as one");
}

/* A file of any length is covered: 512 MiB by each entry of the view's L1 table. */
static void
check_length(uint64_t length, uint64_t size, uint32_t entries)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_header header;
    struct qcow2_view view;
    const char *fault = NULL;

    put_image(image, 3);
    _cleanup_close_ int fd = unit_image_open(image, sizeof(image));
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)length), 0);
    CU_ASSERT_EQUAL_FATAL(qcow2_view_read(fd, "7", &view, &fault), 0);
    _cleanup_close_ int view_fd = unit_image_open(view.bytes, view.length);
    CU_ASSERT_EQUAL(qcow2_header_read(view_fd, &header, &fault), 0);
    CU_ASSERT_EQUAL(header.virtual_size, size);
    CU_ASSERT_EQUAL(header.l1_size, entries);
    /* Only the file's beginning lies in the view. */
    const uint8_t *l1 = view.bytes + header.l1_table_offset;
    uint64_t l2 = qcow2_be64(l1) & ~(UINT64_C(1) << 63);
    CU_ASSERT_EQUAL(l2, view.length - 2 * CLUSTER);
    CU_ASSERT_EQUAL(qcow2_be64(view.bytes + l2) & ~(UINT64_C(1) << 63),
                    view.length - CLUSTER);
    for (size_t i = 1; i < entries; i++)
        CU_ASSERT_EQUAL_FATAL(qcow2_be64(l1 + 8 * i), 0);
    qcow2_view_clear(&view);
}

static void
test_lengths(void)
{
    uint8_t image[IMAGE_SIZE];
    struct qcow2_view view;
    const char *fault = NULL;

    check_length(IMAGE_SIZE, CLUSTER, 1);
    check_length(CLUSTER + 1, CLUSTER + 512, 1);
    check_length(UINT64_C(512) << 20, UINT64_C(512) << 20, 1);
    check_length((UINT64_C(512) << 20) + 1, (UINT64_C(512) << 20) + 512, 2);
    check_length(UINT64_C(5) << 40, UINT64_C(5) << 40, 10240); /* 5 TiB: two clusters */

    put_image(image, 3);
    _cleanup_close_ int fd = unit_image_open(image, sizeof(image));
    CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)(UINT64_C(3) << 50)), 0);
    CU_ASSERT_EQUAL(qcow2_view_read(fd, "7", &view, &fault), -1);
    UNIT_SAME(fault, "the file is too large");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the snapshot's header", test_header},
        {"faults", test_faults},
        {"files of all lengths", test_lengths},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qcow2-view", tests);
}
