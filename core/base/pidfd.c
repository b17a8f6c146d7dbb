/* SPDX-License-Identifier: MIT */
#include "core/base/pidfd.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"

enum { FDINFO_LIMIT = 65536 /* bytes */ };

/* By system call: glibc has had wrappers since 2.36 only. */
int
maqet_pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
maqet_pidfd_kill(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

void
maqet_pidfd_terminate(int pidfd)
{
    maqet_pidfd_kill(pidfd, SIGTERM);
    maqet_pidfd_kill(pidfd, SIGCONT);
}

bool
maqet_pidfd_wait(int pidfd, int64_t timeout)
{
    int64_t deadline = maqet_now() + timeout;

    for (;;) {
        struct pollfd fd = {.fd = pidfd, .events = POLLIN};
        int64_t left = deadline - maqet_now();

        if (poll(&fd, 1, left > 0 ? (int)left : 0) > 0)
            return true;
        if (left <= 0)
            return false;
    }
}

int
maqet_pidfd_pid(int pidfd)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fdinfo/%d", pidfd);
    _cleanup_free_ char *data = NULL;
    int pid;

    if (pidfd < 0 || maqet_file_read(path, FDINFO_LIMIT, &data, NULL, NULL) < 0)
        return 0;
    /* proc(5): "Pid:" of a pidfd; -1 when the process has ended. */
    const char *line = strstr(data, "\nPid:");
    return line && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 0 ? pid : 0;
}
