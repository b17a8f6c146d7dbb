/* SPDX-License-Identifier: MIT */
#include "core/conformance/footprint.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/files.h"

/* ---- the process ---- */

static void
add_signals(struct maqet_strings *lines)
{
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) < 0)
            continue;
        maqet_strings_addf(lines, "the action for signal %d: %p, %d, %s", number,
                           (void *)action.sa_handler, action.sa_flags,
                           sigismember(&blocked, number) ? "blocked" : "not blocked");
    }
}

/* Those of alarm(2) and setitimer(2) are pending or not, whatever is left of them. */
static void
add_timers(struct maqet_strings *lines)
{
    static const struct {
        __itimer_which_t which;
        const char *name;
    } timers[] = {{ITIMER_REAL, "the alarm"},
                  {ITIMER_VIRTUAL, "the timer of the process's time"},
                  {ITIMER_PROF, "the timer for profiles"}};

    for (size_t i = 0; i < sizeof(timers) / sizeof(*timers); i++) {
        struct itimerval value = {0};
        bool pending = getitimer(timers[i].which, &value) == 0 &&
                       (value.it_value.tv_sec > 0 || value.it_value.tv_usec > 0);

        maqet_strings_addf(lines, "%s: %s", timers[i].name, pending ? "pending" : "off");
    }
}

static void
add_limits(struct maqet_strings *lines)
{
    for (int i = 0; i < RLIMIT_NLIMITS; i++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
            maqet_strings_addf(lines, "the limit %d: %" PRIu64 " of %" PRIu64, i,
                               (uint64_t)limit.rlim_cur, (uint64_t)limit.rlim_max);
    }
}

/* Where and how often it runs. */
static void
add_scheduling(struct maqet_strings *lines)
{
    cpu_set_t processors;

    CPU_ZERO(&processors);
    sched_getaffinity(0, sizeof(processors), &processors);
    maqet_strings_addf(lines, "the priority: %d, policy %d, on %d processors",
                       getpriority(PRIO_PROCESS, 0), sched_getscheduler(0),
                       CPU_COUNT(&processors));
    maqet_strings_addf(lines, "the process: dumpable %d, group %d, session %d",
                       prctl(PR_GET_DUMPABLE), (int)getpgrp(), (int)getsid(0));
}

void
footprint_of_process(struct maqet_strings *lines)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    mode_t mask = umask(0);

    umask(mask);
    maqet_strings_addf(lines, "the working directory: %s", folder ? folder : "?");
    maqet_strings_addf(lines, "the umask: %03o", mask);
    maqet_strings_addf(lines, "the locale: %s", setlocale(LC_ALL, NULL));
    maqet_strings_addf(lines, "the user: %u %u %u %u", getuid(), geteuid(), getgid(),
                       getegid());
    add_signals(lines);
    add_timers(lines);
    add_limits(lines);
    add_scheduling(lines);
    for (char **variable = environ; variable && *variable; variable++)
        maqet_strings_addf(lines, "the environment: %s", *variable);
}

/* ---- descriptors ---- */

void
footprint_of_descriptors(struct maqet_strings *lines)
{
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        _cleanup_free_ char *path = maqet_path_of_fd(fd);
        maqet_strings_addf(lines, "%d -> %s", fd, path ? path : "?");
    }
}

const char *
footprint_missing(const struct maqet_strings *list, const struct maqet_strings *in)
{
    for (size_t i = 0; i < list->count; i++)
        if (!maqet_strings_has(in, list->items[i]))
            return list->items[i];
    return NULL;
}

/* ---- memory ---- */

struct footprint_memory
footprint_of_memory(void)
{
    struct mallinfo2 heap = mallinfo2();
    struct footprint_memory memory = {.allocated = heap.uordblks + heap.hblkhd};
    _cleanup_free_ char *text = NULL;

    /* The first number is that of mapped pages (proc(5)). */
    if (maqet_file_read("/proc/self/statm", 4096, &text, NULL, NULL) == 0)
        memory.mapped = strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    return memory;
}
