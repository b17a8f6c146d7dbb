/* SPDX-License-Identifier: MIT */
#include "core/snapshot/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/process.h"
#include "core/qemu/migration.h"
#include "core/vm/run.h"

/* ms for one attempt to set the guest free, between two, and for all of them. */
static const int64_t ATTEMPT_TIMEOUT = 10000;
static const int64_t ATTEMPT_INTERVAL = 500;
static const int64_t ATTEMPT_LIMIT = INT64_C(600) * 1000;

struct maqet_guard {
    pid_t pid;
    int fd; /* a pipe to the child; its end without a word means that we died */
};

static bool
set_free(int dir_fd, const char *vm, int gone)
{
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_monitor_open(dir_fd, vm, ATTEMPT_TIMEOUT, gone, &lock, NULL);

    return qmp && maqet_migration_abandon(qmp, NULL) == 0;
}

static void
watch(int fd, int dir_fd, const char *vm, int gone)
{
    struct pollfd end = {.fd = gone, .events = POLLIN};
    int64_t deadline;
    ssize_t count;
    char word;

    do
        count = read(fd, &word, 1);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        return;
    deadline = maqet_now() + ATTEMPT_LIMIT;
    while (!set_free(dir_fd, vm, gone) && maqet_now() < deadline &&
           poll(&end, 1, (int)ATTEMPT_INTERVAL) == 0)
        ;
}

static void
become_guard(int fd, int dir_fd, const char *vm, int gone)
{
    int *const kept[] = {&fd, &dir_fd, &gone};

    if (maqet_process_detach(kept, 3) < 0)
        _exit(1);
    watch(fd, dir_fd, vm, gone);
    _exit(0);
}

struct maqet_guard *
maqet_guard_begin(int dir_fd, const char *vm, int gone, struct maqet_error **err)
{
    struct maqet_guard *guard;
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) < 0) {
        maqet_error_errno(err, errno, "Can't watch over the guest");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_guard(pair[0], dir_fd, vm, gone);
    close(pair[0]);
    if (pid < 0) {
        maqet_error_errno(err, errno, "Can't watch over the guest");
        close(pair[1]);
        return NULL;
    }
    guard = maqet_alloc(sizeof(*guard));
    *guard = (struct maqet_guard){.pid = pid, .fd = pair[1]};
    return guard;
}

void
maqet_guard_end(struct maqet_guard *guard)
{
    if (!guard)
        return;
    if (write(guard->fd, "d", 1) == 1)
        waitpid(guard->pid, NULL, 0);
    close(guard->fd);
    free(guard);
}
