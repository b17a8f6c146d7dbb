/* SPDX-License-Identifier: MIT */
/* Code that ends the program, or never returns, while it is guarded. */
#include "core/base/ending.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "tests/unit/unit.h"

enum { SAID_EXIT = 41, SAID_LATE = 42, WENT_ON = 7 };

static int
report(bool late)
{
    return late ? SAID_LATE : SAID_EXIT;
}

/* The ends of a process that do not return. */
static void
by_exit(void)
{
    exit(0);
}

static void
by_underscore_exit(void)
{
    _exit(0);
}

static void
by_Exit(void)
{
    _Exit(0);
}

static void
by_quick_exit(void)
{
    quick_exit(0);
}

static void
by_last_thread(void)
{
    pthread_exit(NULL);
}

static void
by_failing(void)
{
    exit(3);
}

static void
exit_again(void)
{
    exit(0);
}

static void
by_handler(void)
{
    atexit(exit_again);
    exit(3);
}

static void
by_returning(void)
{
}

/* Its own children may end as they like. */
static void
by_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        exit(5);
    if (WEXITSTATUS(maqet_child_wait(pid)) != 5)
        _exit(0);
    pid = fork();
    if (pid == 0)
        _exit(6);
    if (WEXITSTATUS(maqet_child_wait(pid)) != 6)
        _exit(0);
}

/* What may take as long as it likes. */
static void
by_waiting(void)
{
    for (;;)
        pause();
}

static void
by_sleeping(void)
{
    maqet_sleep(1500);
}

/* An endless loop that no signal ends. */
static void
by_loop(void)
{
    volatile unsigned turns = 0;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        turns++;
}

static void
by_reading(void)
{
    char byte;
    int pipes[2];

    if (pipe(pipes) == 0 && read(pipes[0], &byte, 1) < 0)
        _exit(0);
}

static void
by_lock(void)
{
    flockfile(stdout);
    by_waiting();
}

struct ended {
    void (*how)(void);
    int64_t limit;
    bool leaves, settles, nested;
};

static int
run_guarded(void *data, int fd)
{
    const struct ended *ended = data;

    (void)fd;
    if (ended->leaves)
        maqet_ending_leave_to_parent();
    maqet_ending_guard(report, maqet_now() + ended->limit);
    if (ended->nested) {
        maqet_ending_guard(report, maqet_now() + 100);
        maqet_ending_guard(report, maqet_now() + ended->limit);
    }
    ended->how();
    maqet_ending_guard(NULL, 0);
    return WENT_ON;
}

/* The exit code of a child in which code ends like that; 1000 and more: by a signal. */
static int
code_of(struct ended ended)
{
    int status = maqet_child_wait(maqet_child_fork(SIGKILL, run_guarded, &ended));

    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static void
test_exits(void)
{
    static const struct {
        const char *name;
        void (*how)(void);
        int code;
    } all[] = {
        {"exit", by_exit, SAID_EXIT},
        {"_exit", by_underscore_exit, SAID_EXIT},
        {"_Exit", by_Exit, SAID_EXIT},
        {"quick_exit", by_quick_exit, SAID_EXIT},
        {"exit(3)", by_failing, SAID_EXIT},
        {"a handler of exit()", by_handler, SAID_EXIT},
        {"abort", abort, 1000 + SIGABRT},
        {"return", by_returning, WENT_ON},
        {"a child", by_child, WENT_ON},
    };
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        int code = code_of((struct ended){.how = all[i].how, .limit = 1000000});

        if (code != all[i].code)
            printf("%s: %d\n", all[i].name, code);
        CU_ASSERT_EQUAL(code, all[i].code);
    }
}

/* Nobody is left who could end it but us. */
static void
test_late(void)
{
    CU_ASSERT_EQUAL(code_of((struct ended){.how = by_waiting, .limit = 100}), SAID_LATE);
    CU_ASSERT_EQUAL(code_of((struct ended){.how = by_loop, .limit = 100}), SAID_LATE);
    CU_ASSERT_EQUAL(code_of((struct ended){.how = by_reading, .limit = 100}), SAID_LATE);
    CU_ASSERT_EQUAL(code_of((struct ended){.how = by_waiting, .limit = -5}), SAID_LATE);
    /* The thread that keeps the time is still there. */
    CU_ASSERT_EQUAL(code_of((struct ended){.how = by_last_thread, .limit = 100}),
                    SAID_LATE);
    /* The deadline of a call that is over ends nothing. */
    CU_ASSERT_EQUAL(
        code_of((struct ended){.how = by_sleeping, .limit = 1000000, .nested = true}),
        WENT_ON);
}

static int
report_to_locked(bool late)
{
    fputs("late", stdout);
    return late ? SAID_LATE : SAID_EXIT;
}

static int
lock_and_wait(void *data, int fd)
{
    (void)data;
    (void)fd;
    /* Not before it holds the lock. */
    maqet_ending_guard(report_to_locked, maqet_now() + 200);
    by_lock();
    return 0;
}

/* The report itself gets stuck, since the code holds what it needs. */
static void
test_stuck_report(void)
{
    if (unit_under_valgrind()) /* its threads take turns */
        return;
    int status = maqet_child_wait(maqet_child_fork(SIGKILL, lock_and_wait, NULL));

    CU_ASSERT_TRUE(WIFSIGNALED(status));
    CU_ASSERT_EQUAL(WTERMSIG(status), SIGALRM);
}

/* A child has a guard of its own, and none of its parent's. */
static int
run_in_child(void *data, int fd)
{
    const struct ended *ended = data;

    (void)fd;
    maqet_ending_guard(report, maqet_now() + 1000000);
    int code = code_of(*ended);
    maqet_ending_guard(NULL, 0);
    return code;
}

static void
test_children(void)
{
    struct ended exits = {.how = by_exit, .limit = 1000000};
    struct ended waits = {.how = by_loop, .limit = 100};
    struct ended leaves = {.how = by_failing, .leaves = true};

    CU_ASSERT_EQUAL(
        WEXITSTATUS(maqet_child_wait(maqet_child_fork(SIGKILL, run_in_child, &exits))),
        SAID_EXIT);
    CU_ASSERT_EQUAL(
        WEXITSTATUS(maqet_child_wait(maqet_child_fork(SIGKILL, run_in_child, &waits))),
        SAID_LATE);
    CU_ASSERT_EQUAL(code_of(leaves), 3);
}

/* What a destructor of foreign code says after the end does not count. */
static int
run_settled(void *data, int fd)
{
    void (*how)(void) = ((const struct ended *)data)->how;

    (void)fd;
    maqet_ending_guard(report, maqet_now() + 1000000); /* foreign code is loaded */
    if (how == by_handler)
        atexit(exit_again);
    else if (how == by_underscore_exit)
        atexit(by_underscore_exit);
    maqet_ending_guard(NULL, 0);
    exit(maqet_ending_settle(9));
}

static void
test_settled(void)
{
    struct ended ways[] = {
        {.how = by_returning}, {.how = by_handler}, {.how = by_underscore_exit}};

    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(WEXITSTATUS(maqet_child_wait(
                            maqet_child_fork(SIGKILL, run_settled, &ways[i]))),
                        9);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"code that exits", test_exits},
        {"code that does not return", test_late},
        {"a report that gets stuck", test_stuck_report},
        {"children", test_children},
        {"the end of the program", test_settled},
        CU_TEST_INFO_NULL,
    };

    return unit_run("ending", tests);
}
