/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/qemu/migration.h"
#include "core/qemu/migration_writer.h"

/* ms for one attempt to resume the guest, between two, and for all of them. */
static const int64_t ATTEMPT_TIMEOUT = 10000;
static const int64_t ATTEMPT_INTERVAL = 500;
static const int64_t ATTEMPT_LIMIT = INT64_C(600) * 1000;

/* What the child works with. */
struct post {
    int dir_fd;
    const char *vm;
    int gone;
    int source; /* what QEMU writes */
    int writer; /* a pidfd; -1: none */
};

static bool
resume_guest(const struct post *post)
{
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp = maqet_monitor_open(
        post->dir_fd, post->vm, ATTEMPT_TIMEOUT, post->gone, &lock, NULL);

    return qmp && maqet_migration_abandon(qmp, NULL) == 0;
}

/* A child that reads and discards what QEMU writes. */
static int
drain(void *data, int fd)
{
    const struct post *post = data;

    (void)fd;
    maqet_drain(post->source);
    return 0;
}

/* Waits until the parent sends a character (true) or has ended. If the writer ends
 * meanwhile, it is replaced, as QEMU may not answer while it cannot write. */
static bool
wait_for_word(struct post *post, int fd)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = post->writer, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents) {
            maqet_child_fork(0, drain, post);
            post->writer = -1;
        }
        if (fds[0].revents)
            return maqet_child_receive(fd) != '\0';
    }
}

static int
watch(void *data, int fd)
{
    struct post *post = data;

    if (wait_for_word(post, fd))
        return 0;
    maqet_child_fork(0, drain, post);
    const struct maqet_deadline deadline = maqet_deadline_in(ATTEMPT_LIMIT);
    while (!resume_guest(post) && maqet_deadline_left(deadline) > 0 &&
           !maqet_pidfd_wait(post->gone, ATTEMPT_INTERVAL))
        continue;
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
