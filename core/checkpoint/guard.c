/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/qemu/migration.h"
#include "core/qemu/migration_writer.h"

/* ms for one attempt to set the guest free, between two, and for all of them. */
static const int64_t ATTEMPT_TIMEOUT = 10000;
static const int64_t ATTEMPT_INTERVAL = 500;
static const int64_t ATTEMPT_LIMIT = INT64_C(600) * 1000;

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

static int
drain(void *data, int fd)
{
    (void)fd;
    maqet_drain(*(const int *)data);
    return 0;
}

/* A child that throws away what QEMU writes, since nobody else is there to take it. */
static void
drain_apart(int source)
{
    maqet_child_fork(0, drain, &source);
}

/* Waits until our parent says a word, or has ended; true: a word. A writer that has ended
 * meanwhile is stood in for: QEMU may be deaf while it can't write. */
static bool
wait_for_word(int fd, int writer, int source)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = writer, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents) {
            drain_apart(source);
            writer = -1;
        }
        if (fds[0].revents)
            return maqet_child_receive(fd) != '\0';
    }
}

static int
watch(void *data, int fd)
{
    const struct post *post = data;
    struct pollfd end = {.fd = post->gone, .events = POLLIN};

    if (wait_for_word(fd, post->writer, post->source))
        return 0;
    drain_apart(post->source);
    int64_t deadline = maqet_now() + ATTEMPT_LIMIT;
    while (!set_free(post->dir_fd, post->vm, post->gone) && maqet_now() < deadline &&
           poll(&end, 1, (int)ATTEMPT_INTERVAL) == 0)
        ;
    return 0;
}

int
maqet_guard_begin(struct maqet_guard *guard, int dir_fd, const char *vm, int gone,
                  const struct maqet_writer *writer, struct maqet_error **err)
{
    struct post post = {.dir_fd = dir_fd,
                        .vm = vm,
                        .gone = gone,
                        .source = writer->source,
                        .writer = writer->pidfd};
    int *const kept[] = {&post.dir_fd, &post.gone, &post.source, &post.writer};
    sigset_t suspending;

    if (maqet_child_detach(&guard->child, kept, 4, watch, &post) < 0)
        return maqet_error_errno(err, errno, "Cannot watch the guest");
    sigemptyset(&suspending);
    sigaddset(&suspending, SIGTSTP);
    sigaddset(&suspending, SIGTTOU);
    sigaddset(&suspending, SIGTTIN);
    sigprocmask(SIG_BLOCK, &suspending, &guard->before);
    return 0;
}

void
maqet_guard_end(struct maqet_guard *guard, bool runs)
{
    if (runs && maqet_child_send(&guard->child, 'd'))
        maqet_child_reap(&guard->child);
    else
        maqet_child_leave(&guard->child);
    sigprocmask(SIG_SETMASK, &guard->before, NULL);
}
