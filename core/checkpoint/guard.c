/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/process.h"
#include "core/machine/run.h"
#include "core/qemu/migration.h"
#include "core/qemu/migration_writer.h"

/* ms for one attempt to set the guest free, between two, and for all of them. */
static const int64_t ATTEMPT_TIMEOUT = 10000;
static const int64_t ATTEMPT_INTERVAL = 500;
static const int64_t ATTEMPT_LIMIT = INT64_C(600) * 1000;

struct maqet_guard {
    pid_t pid;
    int fd; /* a socket to the child; its end without a word means that we died */
    sigset_t before; /* the signals that were blocked */
};

/* What the child works with. */
struct post {
    int dir_fd;
    const char *vm;
    int gone;
    int source;
    int writer; /* a pidfd; -1: none */
};

static bool
set_free(int dir_fd, const char *vm, int gone)
{
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_monitor_open(dir_fd, vm, ATTEMPT_TIMEOUT, gone, &lock, NULL);

    return qmp && maqet_migration_abandon(qmp, NULL) == 0;
}

/* A child that throws away what QEMU writes, since nobody else is there to take it. */
static void
drain_apart(int source)
{
    if (fork() == 0) {
        maqet_drain(source);
        _exit(0);
    }
}

/* Waits until our parent says a word, or has ended; true: a word. A writer that has ended
 * meanwhile is stood in for: QEMU may be deaf while it can't write. */
static bool
wait_for_word(int fd, int writer, int source)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = writer, .events = POLLIN}};
        char word;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents) {
            drain_apart(source);
            writer = -1;
        }
        if (fds[0].revents)
            return read(fd, &word, 1) > 0;
    }
}

static void
watch(int fd, const struct post *post)
{
    struct pollfd end = {.fd = post->gone, .events = POLLIN};

    if (wait_for_word(fd, post->writer, post->source))
        return;
    drain_apart(post->source);
    int64_t deadline = maqet_now() + ATTEMPT_LIMIT;
    while (!set_free(post->dir_fd, post->vm, post->gone) && maqet_now() < deadline &&
           poll(&end, 1, (int)ATTEMPT_INTERVAL) == 0)
        ;
}

static void
become_guard(int fd, struct post *post)
{
    int *const kept[] = {&fd, &post->dir_fd, &post->gone, &post->source, &post->writer};

    /* The last one may be none. */
    if (maqet_process_detach(kept, post->writer < 0 ? 4 : 5) < 0)
        _exit(1);
    watch(fd, post);
    _exit(0);
}

struct maqet_guard *
maqet_guard_begin(int dir_fd, const char *vm, int gone, const struct maqet_writer *writer,
                  struct maqet_error **err)
{
    struct post post = {.dir_fd = dir_fd,
                        .vm = vm,
                        .gone = gone,
                        .source = maqet_writer_source(writer),
                        .writer = maqet_writer_pidfd(writer)};
    struct maqet_guard *guard;
    sigset_t suspending;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        maqet_error_errno(err, errno, "Can't watch over the guest");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_guard(pair[0], &post);
    close(pair[0]);
    if (pid < 0) {
        maqet_error_errno(err, errno, "Can't watch over the guest");
        close(pair[1]);
        return NULL;
    }
    guard = maqet_alloc(sizeof(*guard));
    *guard = (struct maqet_guard){.pid = pid, .fd = pair[1]};
    sigemptyset(&suspending);
    sigaddset(&suspending, SIGTSTP);
    sigaddset(&suspending, SIGTTOU);
    sigaddset(&suspending, SIGTTIN);
    sigprocmask(SIG_BLOCK, &suspending, &guard->before);
    return guard;
}

void
maqet_guard_end(struct maqet_guard *guard, bool runs)
{
    if (!guard)
        return;
    if (runs && send(guard->fd, "d", 1, MSG_NOSIGNAL) == 1)
        waitpid(guard->pid, NULL, 0);
    close(guard->fd);
    sigprocmask(SIG_SETMASK, &guard->before, NULL);
    free(guard);
}
