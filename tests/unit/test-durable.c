/* SPDX-License-Identifier: MIT */
/* What is postponed is synced once, when it is settled; what replaces a file, or is written by a child, before. */
#include "core/base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/replacement.h"
#include "tests/unit/unit.h"

/* The calls of fsync(2), also by other threads; one of the file with the name @broken fails. */
static atomic_int syncs;
static const char *broken;

int
fsync(int fd)
{
    _cleanup_free_ char *path = maqet_path_of_fd(fd);

    syncs++;
    if (!broken || !path || !strstr(path, broken))
        return 0;
    errno = EIO;
    return -1;
}

static char *folder;

static int
write_file(const char *name, const char *content)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, name);

    return maqet_file_replace(path, content, strlen(content), 0600, NULL);
}

static int
remove_file(const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, name);

    return maqet_file_remove(path, NULL);
}

/* How many syncs there were since the last call. */
static int
count(void)
{
    return atomic_exchange(&syncs, 0);
}

static void
test_at_once(void)
{
    CU_ASSERT_EQUAL(write_file("a", "1"), 0);
    CU_ASSERT_EQUAL(count(), 2);
    CU_ASSERT_FALSE(maqet_durable_is_postponed());
}

static void
test_together(void)
{
    struct maqet_durable group = {0};

    CU_ASSERT_PTR_NULL(maqet_durable_postpone(&group));
    for (int i = 0; i < 20; i++) {
        _cleanup_free_ char *name = maqet_format("together-%d", i);

        CU_ASSERT_EQUAL(write_file(name, "1"), 0);
    }
    CU_ASSERT_EQUAL(remove_file("together-3"), 0);
    CU_ASSERT_EQUAL(count(), 0);
    CU_ASSERT_PTR_EQUAL(maqet_durable_postpone(NULL), &group);
    CU_ASSERT_EQUAL(write_file("b", "1"), 0);
    CU_ASSERT_EQUAL(count(), 2);
    CU_ASSERT_EQUAL(maqet_durable_settle(&group, NULL), 0);
    /* Nineteen files, and their folder. */
    CU_ASSERT_EQUAL(count(), 20);
    CU_ASSERT_EQUAL(maqet_durable_settle(&group, NULL), 0);
    CU_ASSERT_EQUAL(count(), 0);
}

static void
test_replaced(void)
{
    struct maqet_durable group = {0};

    CU_ASSERT_EQUAL(write_file("replaced", "1"), 0);
    (void)count();
    maqet_durable_postpone(&group);
    CU_ASSERT_EQUAL(write_file("replaced", "2"), 0);
    CU_ASSERT_EQUAL(count(), 1);
    maqet_durable_postpone(NULL);
    CU_ASSERT_EQUAL(maqet_durable_settle(&group, NULL), 0);
    CU_ASSERT_EQUAL(count(), 1);
}

static void
test_child(void)
{
    struct maqet_durable group = {0};
    int status = 0;

    maqet_durable_postpone(&group);
    pid_t pid = fork();
    if (pid == 0) {
        write_file("child", "1");
        _exit(count());
    }
    maqet_durable_postpone(NULL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 2);
    maqet_durable_forget(&group);
}

static void
test_failure(void)
{
    struct maqet_durable group = {0};
    struct maqet_error *error = NULL;

    maqet_durable_postpone(&group);
    CU_ASSERT_EQUAL(write_file("good", "1"), 0);
    CU_ASSERT_EQUAL(write_file("bad", "1"), 0);
    maqet_durable_postpone(NULL);
    broken = "/bad";
    CU_ASSERT_EQUAL(maqet_durable_settle(&group, &error), -1);
    broken = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/bad to the disk: "));
    maqet_error_free(error);
    (void)count();
    maqet_durable_postpone(&group);
    CU_ASSERT_EQUAL(write_file("forgotten", "1"), 0);
    maqet_durable_postpone(NULL);
    maqet_durable_forget(&group);
    CU_ASSERT_EQUAL(maqet_durable_settle(&group, NULL), 0);
    CU_ASSERT_EQUAL(count(), 0);
}

int
main(void)
{
    static CU_TestInfo tests[] = {
        {"a file is synced at once", test_at_once},
        {"several are synced together", test_together},
        {"what replaces a file is synced before", test_replaced},
        {"a child syncs at once", test_child},
        {"a failure is reported, and what is forgotten is not synced", test_failure},
        CU_TEST_INFO_NULL};

    _cleanup_folder_ char *own = unit_folder();

    folder = own;
    return unit_run("durable", tests);
}
