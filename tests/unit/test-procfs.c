/* SPDX-License-Identifier: MIT */
/* What Linux tells of processes. */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/procfs.h"
#include "tests/unit/unit.h"

/* A program may call itself whatever it likes. */
static void
test_stat(void)
{
    struct maqet_procfs_stat stat;

    CU_ASSERT_TRUE(maqet_procfs_stat_parse(
        "4711 (a) S 1 (b)) D 17 4711 4711 34816 4711 4194304 100 0 1 0 12 34 5 6 20 0 1 "
        "0 987654 1000000 250 18446744073709551615 1 1 0",
        &stat));
    CU_ASSERT_EQUAL(stat.state, 'D');
    CU_ASSERT_EQUAL(stat.parent, 17);
    CU_ASSERT_EQUAL(stat.user, 12);
    CU_ASSERT_EQUAL(stat.kernel, 34);
    CU_ASSERT_EQUAL(stat.started, 987654);
    CU_ASSERT_EQUAL(stat.pages, 250);
}

static void
test_no_stat(void)
{
    static const char *const texts[] = {"", "4711", "4711 (x)", "4711 (x) S",
                                        "4711 (x) S 17 4711 4711 34816"};
    struct maqet_procfs_stat stat;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        CU_ASSERT_FALSE(maqet_procfs_stat_parse(texts[i], &stat));
}

static void
test_child(void)
{
    struct maqet_procfs_stat stat, thread;
    _cleanup_free_ char *own = maqet_format("%d", (int)getpid());
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "a) R 1");
        for (;;)
            pause();
    }
    CU_ASSERT_TRUE_FATAL(pid > 0);
    UNIT_EVENTUALLY(maqet_procfs_state((int)pid) == 'S');
    CU_ASSERT_TRUE(maqet_procfs_stat((int)pid, &stat));
    CU_ASSERT_EQUAL(stat.parent, (int)getpid());
    _cleanup_free_ char *name = maqet_procfs_name((int)pid);
    UNIT_SAME(name, "a) R 1");
    kill(pid, SIGKILL);
    UNIT_EVENTUALLY(maqet_procfs_state((int)pid) == 'Z');
    waitpid(pid, NULL, 0);
    CU_ASSERT_FALSE(maqet_procfs_stat((int)pid, &stat));
    CU_ASSERT_EQUAL(maqet_procfs_state((int)pid), '\0');
    _cleanup_free_ char *gone = maqet_procfs_name((int)pid);
    UNIT_SAME(gone, "?");
    CU_ASSERT_TRUE(maqet_procfs_thread_stat((int)getpid(), own, &thread));
    CU_ASSERT_TRUE(maqet_procfs_stat((int)getpid(), &stat));
    CU_ASSERT_EQUAL(thread.started, stat.started);
}

static void
test_lock(void)
{
    char path[] = "/tmp/maqet-test-procfs-XXXXXX";
    _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    unlink(path);
    CU_ASSERT_FALSE(maqet_procfs_has_lock((int)getpid(), fd));
    CU_ASSERT_EQUAL(maqet_lock_try(fd, NULL), 1);
    CU_ASSERT_TRUE(maqet_procfs_has_lock((int)getpid(), fd));
    CU_ASSERT_FALSE(maqet_procfs_has_lock((int)getpid(), fd + 1000));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"fields of a process", test_stat},
        {"what has no such fields", test_no_stat},
        {"a child, and one that has gone", test_child},
        {"locks of a descriptor", test_lock},
        CU_TEST_INFO_NULL,
    };

    return unit_run("procfs", tests);
}
