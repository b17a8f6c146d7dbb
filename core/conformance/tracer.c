/* SPDX-License-Identifier: MIT */
#include "core/conformance/tracer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/procfs.h"

/* ---- in the child ---- */

/* Exit codes of the child: it can't be traced, or the function has returned. */
enum { NOT_TRACED = 77, RETURNED = 78 };

/* What is called in the child. */
struct traced {
    void (*call)(void *data);
    void *data;
};

static int
run_traced(void *data, int fd)
{
    const struct traced *traced = data;

    (void)fd;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        return NOT_TRACED;
    raise(SIGSTOP);
    if (syscalls_stop() < 0)
        return NOT_TRACED;
    traced->call(traced->data);
    fflush(NULL);
    return RETURNED;
}

/* ---- in the parent ---- */

static const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

/* Continues a process that has stopped. */
static void
resume_process(pid_t pid, int status, struct trace *trace)
{
    int event = status >> 16, signal = WSTOPSIG(status);

    if (event == PTRACE_EVENT_SECCOMP)
        syscalls_judge(pid, trace);
    /* A new child starts stopped. */
    if (event != 0 || signal == SIGSTOP || signal == SIGTRAP)
        signal = 0;
    ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal);
}

/* Traces until the child has ended, though what it has started may still run. */
static int
trace_child(pid_t child, struct trace *trace)
{
    int status = 0;

    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);

        if (pid < 0 && errno != EINTR)
            return -1;
        if (pid > 0 && WIFSTOPPED(status))
            resume_process(pid, status, trace);
        else if (pid == child)
            return status;
    }
}

static int
error_unsupported(struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "the kernel does not allow tracing (ptrace, seccomp)");
}

/* How the child has ended. */
static int
judge_end(int status, const struct trace *trace, struct maqet_error **err)
{
    if (trace->unknown || (WIFEXITED(status) && WEXITSTATUS(status) == NOT_TRACED))
        return error_unsupported(err);
    if (WIFSIGNALED(status))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "it crashed (%s)",
                               strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == RETURNED
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED,
                                 "it ended the program (exit status %d)",
                                 WEXITSTATUS(status));
}

int
tracer_run(void (*call)(void *data), void *data, const struct trace_rules *rules,
           struct trace_report *report, struct maqet_error **err)
{
    struct traced traced = {.call = call, .data = data};
    struct trace trace = {.rules = rules, .report = report};
    int status = 0;

    pid_t child = maqet_child_fork(SIGKILL, run_traced, &traced);
    if (child < 0)
        return maqet_error_errno(err, errno, "Cannot start a child process");
    trace.pid = child;
    while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) < 0) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return error_unsupported(err);
        }
        ptrace(PTRACE_CONT, child, NULL, NULL);
        status = trace_child(child, &trace);
    }
    syscalls_end(&trace);
    return judge_end(status, &trace, err);
}

/* ---- processes that are left behind ---- */

void
tracer_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void
tracer_list_children(struct maqet_strings *pids)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list("/proc", &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        struct maqet_procfs_stat stat;
        int pid = (int)strtol(names.items[i], NULL, 10);

        if (pid > 0 && maqet_procfs_stat(pid, &stat) && stat.parent == getpid())
            maqet_strings_add(pids, names.items[i]);
    }
}

void
tracer_end_children(const struct maqet_strings *known)
{
    /* The children of one that ends become ours: look again. */
    for (bool found = true; found;) {
        _cleanup_strings_ struct maqet_strings pids = MAQET_STRINGS_INIT;

        found = false;
        tracer_list_children(&pids);
        for (size_t i = 0; i < pids.count; i++) {
            pid_t pid = (pid_t)strtol(pids.items[i], NULL, 10);

            if (maqet_strings_has(known, pids.items[i]))
                continue;
            found = true;
            kill(pid, SIGKILL);
            maqet_child_wait(pid);
        }
    }
}
