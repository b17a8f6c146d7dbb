/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/procfs.h"
#include "tests/unit/unit.h"

static volatile sig_atomic_t tired;

static void
grow_tired(int signal)
{
    tired = signal;
}

/* A child that works until it gets SIGUSR1, and then sleeps. */
static pid_t
start_worker(void)
{
    fflush(stdout);
    signal(SIGUSR1, grow_tired); /* the child has it from its first moment */
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (!tired)
            continue;
        for (;;)
            pause();
    }
    return pid;
}

/* A worker that has died would be waited for in vain. */
static void
await(pid_t pid, const struct maqet_strings *known, bool sleeping)
{
    UNIT_EVENTUALLY(maqet_threads_others_sleep(pid, known) == sleeping);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, WNOHANG), 0);
}

static void
test_work_and_sleep(void)
{
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings all = MAQET_STRINGS_INIT;
    pid_t pid = start_worker();

    CU_ASSERT_TRUE_FATAL(pid > 0);
    await(pid, &none, false);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_FALSE(maqet_threads_others_sleep(pid, &none));
    kill(pid, SIGUSR1);
    await(pid, &none, true);
    maqet_threads_list(pid, &all);
    CU_ASSERT_EQUAL(all.count, 1);
    CU_ASSERT_FALSE(maqet_threads_others_sleep(pid, &all));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CU_ASSERT_FALSE(maqet_threads_others_sleep(pid, &none));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"one that works, and then sleeps", test_work_and_sleep},
        CU_TEST_INFO_NULL,
    };

    return unit_run("threads", tests);
}
