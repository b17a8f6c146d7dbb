/* SPDX-License-Identifier: MIT */
/* Files that have data in common keep their content and times, whether or not their file system
 * lets them share it; whether they do is seen with a guest (guest-checkpoints.sh). */
#include "core/base/file_dedupe.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

enum { BLOCK = 4096, SIZE = 100 * BLOCK };

static int
make(const char *folder, const char *name, const char *content, size_t length)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0 && pwrite(fd, content, length, 0) == (ssize_t)length);
    return fd;
}

static void
check(size_t from_length, size_t to_length, size_t different)
{
    static char from_content[SIZE], to_content[SIZE], present[SIZE];
    _cleanup_folder_ char *folder = unit_folder();
    struct stat before, after;

    memset(from_content, 'a', SIZE);
    memset(to_content, 'a', SIZE);
    to_content[different] = 'b';
    _cleanup_close_ int from = make(folder, "from", from_content, from_length),
                        to = make(folder, "to", to_content, to_length);
    CU_ASSERT_EQUAL(fstat(to, &before), 0);
    uint64_t shared = maqet_file_dedupe(from, to);
    CU_ASSERT_EQUAL(fstat(to, &after), 0);
    CU_ASSERT_TRUE(shared <= to_length);
    CU_ASSERT_EQUAL(before.st_size, after.st_size);
    CU_ASSERT_EQUAL(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    CU_ASSERT_EQUAL(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    CU_ASSERT_EQUAL_FATAL(pread(to, present, SIZE, 0), (ssize_t)to_length);
    CU_ASSERT_EQUAL(memcmp(present, to_content, to_length), 0);
    CU_ASSERT_EQUAL_FATAL(pread(from, present, SIZE, 0), (ssize_t)from_length);
    CU_ASSERT_EQUAL(memcmp(present, from_content, from_length), 0);
}

static void
test_kept(void)
{
    check(SIZE, SIZE, 0);
    check(SIZE, SIZE, SIZE / 2);
    check(SIZE, SIZE, SIZE - 1);
    check(SIZE, SIZE / 2 + 17, 1);
    check(SIZE / 2 + 17, SIZE, 1);
    check(0, SIZE, 1);
    check(SIZE, 0, 1);
}

int
main(void)
{
    static CU_TestInfo tests[] = {{"content and times are kept", test_kept},
                                  CU_TEST_INFO_NULL};

    return unit_run("file dedupe", tests);
}
