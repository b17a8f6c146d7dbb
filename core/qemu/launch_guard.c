/* SPDX-License-Identifier: MIT */
#include "core/qemu/launch_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/pidfd.h"
#include "core/qemu/launch.h"

/* Ends QEMU when the parent has ended, and itself when QEMU has. */
static void
become_guard(int qemu, int parent)
{
    int first = fcntl(qemu, F_DUPFD_CLOEXEC, 0), second = -1;
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};

    setsid();
    if (first >= 0)
        second = fcntl(parent, F_DUPFD_CLOEXEC, first + 1);
    if (second < 0)
        _exit(127);
    /* Above all the run file, whose lock is QEMU's alone. */
    if (first > 0)
        syscall(SYS_close_range, 0, first - 1, 0);
    syscall(SYS_close_range, first + 1, second - 1, 0);
    syscall(SYS_close_range, second + 1, ~0U, 0);
    fds[0].fd = first;
    fds[1].fd = second;
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if (!fds[0].revents)
        maqet_pidfd_kill(first, SIGKILL);
    _exit(0);
}

int
maqet_launch_guard(pid_t parent)
{
    int self = maqet_pidfd_open(getpid());
    int above = self < 0 ? -1 : maqet_pidfd_open(parent);
    pid_t pid = above < 0 ? -1 : fork();
    int number = errno;

    if (pid == 0)
        become_guard(self, above);
    if (self >= 0)
        close(self);
    if (above >= 0)
        close(above);
    errno = number;
    /* Whoever has the number of a parent that has ended is not the parent. */
    return pid < 0 || getppid() != parent ? -1 : 0;
}
