/* SPDX-License-Identifier: MIT */
/* The child between QEMU and the file of state; the test is QEMU. */
#include "core/qemu/migration_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "tests/unit/unit.h"

enum { LENGTH = 3 << 20 /* bytes, more than the pipe holds */ };

/* Bytes that no compressor makes much smaller, and that are not those of a filled pipe.
 */
static char *
make_bytes(void)
{
    char *bytes = maqet_alloc(LENGTH);
    unsigned state = 1;

    for (size_t i = 0; i < LENGTH; i++) {
        state = state * 1103515245U + 12345U;
        bytes[i] = (char)(state >> 16);
    }
    return bytes;
}

static int
open_file(const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/state", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void
write_all(int fd, const char *bytes)
{
    for (size_t done = 0; done < LENGTH;) {
        ssize_t count = write(fd, bytes + done, LENGTH - done);

        CU_ASSERT_FATAL(count > 0);
        done += (size_t)count;
    }
}

/* As QEMU does it: with a descriptor of its own, which it closes. */
static void
write_as_qemu(struct maqet_writer *writer, const char *bytes)
{
    int pipe = fcntl(writer->pipe, F_DUPFD_CLOEXEC, 3);

    maqet_writer_release(writer);
    write_all(pipe, bytes);
    close(pipe);
}

static void
check_bytes(int fd, const char *bytes)
{
    _cleanup_free_ char *found = maqet_alloc(LENGTH + 1);
    size_t length = 0;
    ssize_t count;

    while ((count = read(fd, found + length, LENGTH + 1 - length)) > 0)
        length += (size_t)count;
    CU_ASSERT_EQUAL(length, LENGTH);
    CU_ASSERT_EQUAL(memcmp(found, bytes, LENGTH), 0);
}

static void
test_all_is_written(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *bytes = make_bytes();
    _cleanup_close_ int file = open_file(folder);
    struct maqet_error *error = NULL;
    struct maqet_writer *writer = maqet_writer_begin(file, false, &error);

    UNIT_NO_ERROR(&error);
    maqet_writer_take(writer);
    maqet_writer_take(writer);
    write_as_qemu(writer, bytes);
    CU_ASSERT_EQUAL(maqet_writer_end(writer, false, NULL, &error), 0);
    UNIT_NO_ERROR(&error);
    lseek(file, 0, SEEK_SET);
    check_bytes(file, bytes);
}

/* QEMU is to wait at its first byte until the guest stands still. */
static void
test_nothing_is_taken_early(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int file = open_file(folder);
    struct maqet_writer *writer = maqet_writer_begin(file, false, NULL);
    int pipe = writer->pipe, flags = fcntl(pipe, F_GETFL);

    CU_ASSERT_EQUAL(flags & O_NONBLOCK, 0);
    fcntl(pipe, F_SETFL, flags | O_NONBLOCK);
    CU_ASSERT_EQUAL(write(pipe, "x", 1), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    fcntl(pipe, F_SETFL, flags);
    maqet_writer_take(writer);
    CU_ASSERT_EQUAL(write(pipe, "x", 1), 1); /* waits until there is room */
    CU_ASSERT_EQUAL(maqet_writer_end(writer, false, NULL, NULL), 0);
    CU_ASSERT_EQUAL(lseek(file, 0, SEEK_END), 1);
}

/* We have died, or don't want it any more: QEMU gets rid of all that it has all the
 * same, though nobody has said that it be taken. */
static void
test_useless(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *bytes = make_bytes();
    _cleanup_close_ int file = open_file(folder);
    struct maqet_writer *writer = maqet_writer_begin(file, false, NULL);
    int pipe = fcntl(writer->pipe, F_DUPFD_CLOEXEC, 3);

    CU_ASSERT_EQUAL(maqet_writer_end(writer, true, NULL, NULL), 0);
    write_all(pipe, bytes);
    close(pipe);
    CU_ASSERT_EQUAL(lseek(file, 0, SEEK_END), 0);
}

/* What was given up is read to its end, and when that is waited for, the file is no longer
 * written to. */
static void
test_discarded(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *bytes = make_bytes();
    _cleanup_close_ int file = open_file(folder);
    struct maqet_writer *writer = maqet_writer_begin(file, false, NULL);

    maqet_writer_take(writer);
    maqet_writer_discard(writer);
    write_as_qemu(writer, bytes);
    CU_ASSERT_EQUAL(maqet_writer_end(writer, false, NULL, NULL), -1);
    CU_ASSERT_EQUAL(lseek(file, 0, SEEK_END), 0);
}

static void
test_full_disk(void)
{
    _cleanup_free_ char *bytes = make_bytes();
    _cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct maqet_error *error = NULL;
    struct maqet_writer *writer = maqet_writer_begin(full, false, NULL);

    maqet_writer_take(writer);
    write_as_qemu(writer, bytes);
    CU_ASSERT_EQUAL(maqet_writer_end(writer, false, NULL, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_NO_SPACE,
               "Cannot write the guest's memory: No space left on device");
}

static void
test_compressed(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *bytes = make_bytes();
    _cleanup_close_ int file = open_file(folder);
    struct maqet_writer *writer = maqet_writer_begin(file, true, NULL);

    maqet_writer_take(writer);
    write_as_qemu(writer, bytes);
    CU_ASSERT_EQUAL(maqet_writer_end(writer, false, NULL, NULL), 0);
    lseek(file, 0, SEEK_SET);
    _cleanup_close_ int pipe = maqet_writer_unpack(file, NULL);
    CU_ASSERT_FATAL(pipe >= 0);
    check_bytes(pipe, bytes);
    /* One of which the end is missing ends early. */
    CU_ASSERT_EQUAL(ftruncate(file, LENGTH / 2), 0);
    lseek(file, 0, SEEK_SET);
    _cleanup_close_ int torn = maqet_writer_unpack(file, NULL);
    char *rest = maqet_alloc(LENGTH);
    ssize_t count, length = 0;
    while ((count = read(torn, rest, LENGTH)) > 0)
        length += count;
    free(rest);
    CU_ASSERT_TRUE(length < LENGTH);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"all is written", test_all_is_written},
        {"nothing is taken early", test_nothing_is_taken_early},
        {"what is useless", test_useless},
        {"discarded", test_discarded},
        {"a full disk", test_full_disk},
        {"compressed, and back", test_compressed},
        CU_TEST_INFO_NULL,
    };

    return unit_run("writer", tests);
}
