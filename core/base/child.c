/* SPDX-License-Identifier: MIT */
#include "core/base/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/interrupt.h"
#include "core/base/text.h"

/* ---- in the child ---- */

/* The exit code of a child whose work could not begin. */
enum { NOT_BEGUN = 127 };

/* The first number for the descriptors that are kept. */
enum { KEPT_FIRST = 100, DESCRIPTOR_MAX = 4096 };

/* An entry of a folder (getdents64(2)). */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Closes what entries of /proc/self/fd list, except @list, which is that folder. Returns
 * whether there was anything to close. */
static bool
close_entries(const char *entries, long size, unsigned first, unsigned last,
              unsigned list)
{
    bool closed = false;

    for (long at = 0; at < size; at += ((const struct entry *)(entries + at))->length) {
        const char *name = ((const struct entry *)(entries + at))->name;
        unsigned fd = 0;

        if (*name == '.')
            continue;
        for (; *name; name++)
            fd = fd * 10 + (unsigned)(*name - '0');
        if (fd >= first && fd <= last && fd != list)
            closed = close((int)fd) == 0 || closed;
    }
    return closed;
}

/* The same as close_range(2), by the list of them in /proc. Entries may be missed while
 * others are closed, so it is read again until there are none. */
static bool
close_listed(unsigned first, unsigned last)
{
    _Alignas(struct entry) char entries[4096];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool closed = true;
    long size;

    if (list < 0)
        return false;
    while (closed) {
        closed = false;
        lseek(list, 0, SEEK_SET);
        while ((size = syscall(SYS_getdents64, list, entries, sizeof(entries))) > 0)
            closed = close_entries(entries, size, first, last, (unsigned)list) || closed;
    }
    close(list);
    return true;
}

void
maqet_child_close(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0 ||
        close_listed(first, last)) /* Linux < 5.9 */
        return;
    for (unsigned fd = first; fd <= last && fd < DESCRIPTOR_MAX; fd++)
        close((int)fd);
}

static int
compare_numbers(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

size_t
maqet_child_inherited(int **fds)
{
    DIR *list = opendir("/proc/self/fd");
    const struct dirent *entry;
    size_t count = 0;

    *fds = NULL;
    while (list && (entry = readdir(list))) {
        int fd = entry->d_name[0] == '.' ? -1 : (int)strtol(entry->d_name, NULL, 10);
        int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

        if (flags >= 0 && !(flags & FD_CLOEXEC))
            *MAQET_APPEND(*fds, count) = fd;
    }
    if (list)
        closedir(list);
    if (count > 0)
        qsort(*fds, count, sizeof(**fds), compare_numbers);
    return count;
}

void
maqet_child_close_others(const int *fds, size_t count)
{
    unsigned next = STDERR_FILENO + 1;

    for (size_t i = 0; i < count; i++) {
        maqet_child_close(next, (unsigned)fds[i] - 1);
        next = (unsigned)fds[i] + 1;
    }
    maqet_child_close(next, ~0U);
}

/* Closes all descriptors but these, after giving them ascending numbers. */
static int
keep_descriptors(int *const *fds, size_t count)
{
    int first = KEPT_FIRST, next = 0;

    for (size_t i = 0; i < count; i++) {
        if (*fds[i] < 0)
            continue;
        *fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, first);
        if (*fds[i] < 0)
            return -1;
        first = *fds[i] + 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (*fds[i] < 0)
            continue;
        maqet_child_close((unsigned)next, (unsigned)*fds[i] - 1);
        next = *fds[i] + 1;
    }
    maqet_child_close((unsigned)next, ~0U);
    return 0;
}

static void
ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGXFSZ};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        signal(ignored[i], SIG_IGN);
}

void
maqet_child_reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- in the parent ---- */

int
maqet_signals_hold(sigset_t *before)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    int fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd >= 0)
        sigprocmask(SIG_BLOCK, &ends, before);
    return fd;
}

pid_t
maqet_child_fork(int signal, maqet_child_work *work, void *data)
{
    pid_t parent = getpid();

    fflush(NULL); /* or the child might write the buffers, too */
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (signal != 0 && (prctl(PR_SET_PDEATHSIG, signal) < 0 || getppid() != parent))
        _exit(NOT_BEGUN); /* the parent may have died before prctl() */
    maqet_interrupt_release();
    _exit(work(data, -1));
}

struct birth {
    maqet_child_work *work;
    void *data;
    int fd;    /* the child's end of the socket */
    int other; /* ours */
    bool detached;
    int *const *kept;
    size_t count;
    sigset_t before; /* the signals that we block */
};

/* Prepares a child with a socket, and does its work. */
static int
run_child(void *data, int fd)
{
    struct birth *birth = data;

    (void)fd;
    if (!birth->detached) {
        close(birth->other);
        return birth->work(birth->data, birth->fd);
    }
    int **all = maqet_alloc((birth->count + 1) * sizeof(*all));
    for (size_t i = 0; i < birth->count; i++)
        all[i] = birth->kept[i];
    all[birth->count] = &birth->fd;
    setsid();
    ignore_signals();
    sigprocmask(SIG_SETMASK, &birth->before, NULL);
    int kept = keep_descriptors(all, birth->count + 1);
    free(all);
    return kept < 0 ? NOT_BEGUN : birth->work(birth->data, birth->fd);
}

static int
start_child(struct maqet_child *child, int signal, struct birth *birth)
{
    sigset_t all;
    int pair[2];

    *child = (struct maqet_child)MAQET_CHILD_INIT;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    birth->fd = pair[1];
    birth->other = pair[0];
    /* A detached one must not get a signal before it ignores it. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, birth->detached ? &all : NULL, &birth->before);
    pid_t pid = maqet_child_fork(signal, run_child, birth);
    int number = errno;
    sigprocmask(SIG_SETMASK, &birth->before, NULL);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        errno = number;
        return -1;
    }
    *child = (struct maqet_child){.pid = pid, .fd = pair[0]};
    return 0;
}

int
maqet_child_start(struct maqet_child *child, int signal, maqet_child_work *work,
                  void *data)
{
    struct birth birth = {.work = work, .data = data};

    return start_child(child, signal, &birth);
}

int
maqet_child_detach(struct maqet_child *child, int *const *kept, size_t count,
                   maqet_child_work *work, void *data)
{
    struct birth birth = {
        .work = work, .data = data, .detached = true, .kept = kept, .count = count};

    return start_child(child, 0, &birth);
}

/* ---- characters ---- */

bool
maqet_child_send(const struct maqet_child *child, char word)
{
    return send(child->fd, &word, 1, MSG_NOSIGNAL) == 1;
}

char
maqet_child_receive(int fd)
{
    ssize_t count;
    char word;

    while ((count = read(fd, &word, 1)) < 0 && errno == EINTR)
        continue;
    return count == 1 ? word : '\0';
}

/* ---- the end ---- */

int
maqet_child_wait(pid_t pid)
{
    int status;
    pid_t ended;

    while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        continue;
    return ended < 0 ? -1 : status;
}

int
maqet_child_reap(struct maqet_child *child)
{
    pid_t pid = child->pid;

    maqet_child_leave(child);
    return pid > 0 ? maqet_child_wait(pid) : -1;
}

void
maqet_child_leave(struct maqet_child *child)
{
    if (child->fd >= 0)
        close(child->fd);
    *child = (struct maqet_child)MAQET_CHILD_INIT;
}
