/* SPDX-License-Identifier: MIT */
#include "core/base/ending.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"

/* ms between two looks at the clock, and in which the report of a late end must be made. */
enum { TICK = 500, REPORT_LIMIT = 5000 };

static struct {
    pid_t pid; /* the process that is guarded; another one is its child */
    maqet_ending_report *report; /* NULL: only our own code runs */
    int64_t deadline;
    int64_t stopped; /* ms in which the process was stopped since the first guard */
    bool left;       /* to the parent */
    bool settled;
    int code; /* if it is settled */
} guarded;

/*
 * The thread that looks at the clock. A timer with a signal would not do: the code may have
 * blocked the signal, or have changed its action.
 */
static struct {
    pid_t pid; /* the process whose thread it is */
    bool idle;
} watch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t begun = PTHREAD_COND_INITIALIZER;

/* ---- the end ---- */

static void __attribute__((__noreturn__)) end_at_once(int code)
{
    for (;;)
        syscall(SYS_exit_group, code);
}

/* The program is about to exit with @code. Does not return if that is foreign code's doing.
 * The lock is held by the thread that reports an end, until the end. */
static void
intercept(int code)
{
    if (guarded.pid != getpid())
        return;
    pthread_mutex_lock(&lock);
    maqet_ending_report *report = guarded.report;
    guarded.report = NULL;
    if (!report && (!guarded.settled || code == guarded.code)) {
        pthread_mutex_unlock(&lock);
        return;
    }
    code = report ? report(false) : guarded.code;
    fflush(stdout);
    end_at_once(code);
}

/* They take the place of the C library's, also for plugins, which find symbols in the
 * program first. What the library itself calls is left to handlers: these come too late for
 * the destructors of plugins. */
void
exit(int code)
{
    __attribute__((__noreturn__)) void (*ours)(int);

    intercept(code);
    *(void **)&ours = dlsym(RTLD_NEXT, "exit");
    ours(code);
}

void
_exit(int code)
{
    intercept(code);
    end_at_once(code);
}

void
_Exit(int code)
{
    _exit(code);
}

static void
on_exit_of(int code, void *data)
{
    (void)data;
    intercept(code);
}

/* quick_exit() does not tell its code. */
static void
on_quick_exit(void)
{
    intercept(-1);
}

/* ---- the clock ---- */

/* Whatever the late code has locked, such as a stream: if the report waits for it, the
 * kernel ends the process. */
static void
report_late(void)
{
    sigset_t alarms;

    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(REPORT_LIMIT / 1000);
    maqet_ending_report *report = guarded.report;
    guarded.report = NULL;
    end_at_once(report(true));
}

/* The time of a tick that takes much longer is that in which the process was stopped, by a
 * debugger or with the terminal. */
static void
tick(void)
{
    int64_t before = maqet_now();

    pthread_mutex_unlock(&lock);
    maqet_sleep(TICK);
    pthread_mutex_lock(&lock);
    int64_t took = maqet_now() - before;
    if (took > 2 * TICK)
        guarded.stopped += took - TICK;
}

static void *
look_at_clock(void *data)
{
    (void)data;
    prctl(PR_SET_NAME, "maqet-clock");
    pthread_mutex_lock(&lock);
    for (;;) {
        if (!guarded.report) {
            watch.idle = true;
            pthread_cond_wait(&begun, &lock);
            watch.idle = false;
            continue;
        }
        if (maqet_now() - guarded.stopped >= guarded.deadline)
            report_late();
        tick();
    }
    return NULL;
}

/* The thread gets no signals: they are for the one that called us. */
static void
start_thread(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Without it, nothing is late: there is no room for a program, either. */
    if (pthread_create(&thread, &attributes, look_at_clock, NULL) == 0)
        watch.pid = guarded.pid;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- for the caller ---- */

/* In a child, the thread does not exist, and may have held the lock. */
static void
enter_process(void)
{
    static bool registered;

    if (guarded.pid == getpid())
        return;
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&begun, NULL);
    guarded.pid = getpid();
    guarded.settled = false;
    guarded.report = NULL;
    watch.idle = false;
    if (!registered) {
        on_exit(on_exit_of, NULL);
        at_quick_exit(on_quick_exit);
        registered = true;
    }
}

void
maqet_ending_guard(maqet_ending_report *report, int64_t deadline)
{
    if (guarded.left)
        return;
    enter_process();
    pthread_mutex_lock(&lock);
    if (!guarded.report)
        guarded.stopped = 0;
    guarded.report = report;
    guarded.deadline = deadline;
    if (report && watch.pid != guarded.pid)
        start_thread();
    else if (report && watch.idle)
        pthread_cond_signal(&begun);
    pthread_mutex_unlock(&lock);
}

void
maqet_ending_leave_to_parent(void)
{
    guarded.left = true;
    guarded.report = NULL;
}

int
maqet_ending_settle(int code)
{
    enter_process();
    guarded.settled = true;
    guarded.code = code;
    return code;
}
