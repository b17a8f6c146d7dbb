/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/checksum.h"
#include "tests/unit/unit.h"

/* As `xxhsum -H2` prints them. */
#define OF_NOTHING "xxh3:99aa06d3014798d86001c324468d497f"
#define OF_ABC "xxh3:06b05ab6733a618578af5f94892f3950"
#define OF_3MB_OF_A "xxh3:11f0c61e5ef647de8cd149ad762c0bcf"

#define MEGABYTE (1024 * 1024)

static int
file_of(const char *data, size_t length)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(write(fd, data, length), (ssize_t)length);
    return fd;
}

static void
check_sum(int fd, uint64_t limit, const char *expected)
{
    _cleanup_error_ struct maqet_error *err = NULL;
    _cleanup_free_ char *sum = maqet_fd_checksum(fd, "test", limit, &err);

    CU_ASSERT_PTR_NULL(err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sum);
    CU_ASSERT_STRING_EQUAL(sum, expected);
}

static void
test_known(void)
{
    _cleanup_close_ int none = file_of("", 0);
    _cleanup_close_ int abc = file_of("abc", 3);

    check_sum(none, UINT64_MAX, OF_NOTHING);
    check_sum(abc, UINT64_MAX, OF_ABC);
    check_sum(abc, 3, OF_ABC);
    check_sum(abc, 0, OF_NOTHING);
}

/* More than is read at once, and no whole number of it. */
static void
test_large(void)
{
    size_t length = 3 * MEGABYTE + 1;
    _cleanup_free_ char *data = maqet_alloc(length);

    memset(data, 'a', length);
    data[length - 1] = 'b';

    _cleanup_close_ int fd = file_of(data, length);
    _cleanup_free_ char *all = maqet_fd_checksum(fd, "test", UINT64_MAX, NULL);

    check_sum(fd, 3 * MEGABYTE, OF_3MB_OF_A);
    check_sum(fd, length + 1, all);
    CU_ASSERT_STRING_NOT_EQUAL(all, OF_3MB_OF_A);

    CU_ASSERT_EQUAL(pwrite(fd, "A", 1, 2 * MEGABYTE), 1);

    _cleanup_free_ char *flipped = maqet_fd_checksum(fd, "test", UINT64_MAX, NULL);

    CU_ASSERT_STRING_NOT_EQUAL(flipped, all);
}

static void
test_offset_stays(void)
{
    _cleanup_close_ int fd = file_of("abc", 3);

    lseek(fd, 2, SEEK_SET);
    check_sum(fd, UINT64_MAX, OF_ABC);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), 2);
}

static void
test_unreadable(void)
{
    _cleanup_error_ struct maqet_error *err = NULL;
    _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    CU_ASSERT_PTR_NULL(maqet_fd_checksum(fd, "the folder", UINT64_MAX, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "cannot read the folder"));
}

static char *
sparse_sum(int fd)
{
    char *sum = maqet_fd_checksum_sparse(fd, "test", NULL, NULL, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(sum);
    return sum;
}

/* Holes are as good as zeros, but bytes and their places count, and so does the length. */
static void
test_sparse(void)
{
    size_t length = 3 * MEGABYTE + 5000;
    _cleanup_free_ char *data = maqet_alloc(length);

    data[MEGABYTE + 1] = 'x';
    _cleanup_close_ int full = file_of(data, length);
    _cleanup_close_ int holes = memfd_create("test", MFD_CLOEXEC);
    CU_ASSERT_EQUAL(ftruncate(holes, (off_t)length), 0);
    CU_ASSERT_EQUAL(pwrite(holes, "x", 1, MEGABYTE + 1), 1);
    _cleanup_free_ char *of_full = sparse_sum(full), *of_holes = sparse_sum(holes);
    UNIT_SAME(of_holes, of_full);

    CU_ASSERT_EQUAL(pwrite(holes, "x", 1, 2 * MEGABYTE), 1);
    _cleanup_free_ char *of_two = sparse_sum(holes);
    CU_ASSERT_STRING_NOT_EQUAL(of_two, of_full);
    CU_ASSERT_EQUAL(pwrite(holes, "", 1, MEGABYTE + 1), 1);
    _cleanup_free_ char *of_other = sparse_sum(holes);
    CU_ASSERT_STRING_NOT_EQUAL(of_other, of_full);
    CU_ASSERT_EQUAL(pwrite(holes, "", 1, 2 * MEGABYTE), 1);
    CU_ASSERT_EQUAL(pwrite(holes, "x", 1, MEGABYTE + 1), 1);
    CU_ASSERT_EQUAL(ftruncate(holes, (off_t)length + 1), 0);
    _cleanup_free_ char *of_longer = sparse_sum(holes);
    CU_ASSERT_STRING_NOT_EQUAL(of_longer, of_full);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"known checksums", test_known},
        {"a large file", test_large},
        {"the offset stays", test_offset_stays},
        {"what cannot be read", test_unreadable},
        {"holes", test_sparse},
        CU_TEST_INFO_NULL,
    };

    return unit_run("checksum", tests);
}
