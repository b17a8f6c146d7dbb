/* SPDX-License-Identifier: MIT */
#include "core/machine/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"

/* What the supervisor tells when all programs run, or one can't. */
struct outcome {
    int number;     /* errno; 0: they run */
    size_t program; /* which one can't */
};

/* The supervisor's copy of what it was asked for, with numbers of its own. */
struct work {
    struct maqet_supervision asked;
    struct maqet_supervised *programs;
    struct pollfd *watched; /* QEMU, and then each program */
    pid_t *pids;            /* of the programs; 0: it has ended */
};

/* ---- a program, before it becomes one ---- */

struct beginning {
    const struct work *work;
    const struct maqet_supervised *program;
};

/* As systemd's socket activation would have it. */
static int
set_environment(void)
{
    _cleanup_free_ char *pid = maqet_format("%d", (int)getpid());

    unsetenv("LISTEN_FDNAMES");
    return setenv("LISTEN_FDS", "1", 1) < 0 ? -1 : setenv("LISTEN_PID", pid, 1);
}

static int
write_record(int fd)
{
    struct maqet_procfs_stat stat;

    return maqet_procfs_stat(getpid(), &stat) &&
                   dprintf(fd, "%d %" PRIu64 "\n", (int)getpid(), stat.started) > 0
               ? 0
               : -1;
}

/* @report gets errno, or is closed by exec. */
static int
become_program(void *data, int report)
{
    const struct beginning *beginning = data;
    const struct maqet_supervision *asked = &beginning->work->asked;
    const struct maqet_supervised *program = beginning->program;
    int number;

    setsid();
    maqet_child_reset_signals();
    /* All other descriptors are closed on exec. */
    if (dup2(asked->log_fd, 1) >= 0 && dup2(asked->log_fd, 2) >= 0 &&
        dup2(program->socket_fd, MAQET_HELPER_FD) >= 0 && set_environment() == 0 &&
        write_record(asked->record_fd) == 0) {
        if (asked->folder && chdir(asked->folder) < 0)
            errno = 0;
        execv(program->path, (char *const *)program->argv);
    }
    /* A short write sets none. */
    number = errno != 0 ? errno : EIO;
    return write(report, &number, sizeof(number)) < 0 ? 126 : 127;
}

/* Starts the program, and returns when it runs, or can't; then -1 and errno. */
static int
start_program(struct work *work, size_t index)
{
    struct beginning beginning = {.work = work, .program = &work->programs[index]};
    struct maqet_child child;
    int number = 0;

    if (maqet_child_start(&child, SIGTERM, become_program, &beginning) < 0)
        return -1;
    while (read(child.fd, &number, sizeof(number)) < 0 && errno == EINTR)
        continue;
    work->pids[index] = child.pid;
    work->watched[index + 1] =
        (struct pollfd){.fd = maqet_pidfd_open(child.pid), .events = POLLIN};
    maqet_child_leave(&child);
    if (number == 0 && work->watched[index + 1].fd >= 0)
        return 0;
    errno = number != 0 ? number : errno;
    return -1;
}

/* ---- the supervisor ---- */

/* Waits until QEMU has ended, or all programs have. */
static void
watch(struct work *work)
{
    size_t running = work->asked.count;

    while (running > 0 && !work->watched[0].revents) {
        poll(work->watched, work->asked.count + 1, -1);
        for (size_t i = 0; i < work->asked.count; i++) {
            if (!work->watched[i + 1].revents)
                continue;
            maqet_child_wait(work->pids[i]);
            work->watched[i + 1] = (struct pollfd){.fd = -1};
            running--;
        }
    }
}

static void
end_programs(const struct work *work)
{
    struct maqet_deadline deadline = maqet_deadline_in(work->asked.patience);

    for (size_t i = 0; i < work->asked.count; i++)
        if (work->watched[i + 1].fd >= 0)
            maqet_pidfd_terminate(work->watched[i + 1].fd);
    for (size_t i = 0; i < work->asked.count; i++) {
        int pidfd = work->watched[i + 1].fd;

        if (pidfd < 0)
            continue;
        if (!maqet_pidfd_wait(pidfd, maqet_deadline_left(deadline)))
            maqet_pidfd_kill(pidfd, SIGKILL);
        maqet_child_wait(work->pids[i]);
    }
}

/* Its standard streams are empty, and the programs inherit the first. The record's lock is
 * its own, whoever has the same description open. */
static int
settle(const struct work *work)
{
    _cleanup_free_ char *record = maqet_format("/proc/self/fd/%d", work->asked.record_fd);
    int nothing = open("/dev/null", O_RDWR); /* becomes the first, as all are closed */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    prctl(PR_SET_NAME, "maqet-helpers");
    if (nothing != 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0)
        return -1;
    /* Open until it ends. */
    int locked = open(record, O_RDWR | O_CLOEXEC);
    return locked < 0 ? -1 : fcntl(locked, F_OFD_SETLK, &lock);
}

static int
supervise(void *data, int report)
{
    struct work *work = data;
    struct outcome outcome = {0};

    /* Whoever started us waits for this process alone. */
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? 127 : 0;
    if (settle(work) < 0)
        outcome.number = errno;
    for (size_t i = 0; i < work->asked.count && outcome.number == 0; i++)
        if (start_program(work, i) < 0)
            outcome = (struct outcome){.number = errno, .program = i};
    /* Those that run end with us, when one can't. */
    if (write(report, &outcome, sizeof(outcome)) < 0 && outcome.number == 0)
        errno = 0; /* maqet was killed, and QEMU runs on */
    if (outcome.number != 0)
        return 0;
    close(report);
    for (size_t i = 0; i < work->asked.count; i++)
        close(work->programs[i].socket_fd);
    if (chdir("/") < 0)
        errno = 0;
    watch(work);
    end_programs(work);
    return 0;
}

/* ---- maqet ---- */

static int
error_not_run(const struct maqet_supervision *asked, const struct outcome *outcome,
              struct maqet_error **err)
{
    const struct maqet_supervised *program = &asked->programs[outcome->program];

    return maqet_error_errno(err, outcome->number,
                             "Drive '%s': cannot run %s, which must run beside QEMU",
                             program->drive, program->path);
}

int
maqet_supervise(const struct maqet_supervision *supervision, struct maqet_error **err)
{
    size_t count = supervision->count;
    _cleanup_free_ struct maqet_supervised *programs =
        maqet_alloc((count + 1) * sizeof(*programs));
    _cleanup_free_ struct pollfd *watched = maqet_alloc((count + 1) * sizeof(*watched));
    _cleanup_free_ pid_t *pids = maqet_alloc((count + 1) * sizeof(*pids));
    _cleanup_free_ int **kept = maqet_alloc((count + 3) * sizeof(*kept));
    struct work work = {
        .asked = *supervision, .programs = programs, .watched = watched, .pids = pids};
    struct outcome outcome = {.number = EIO};
    struct maqet_child child;

    if (work.asked.log_fd < 0)
        work.asked.log_fd = STDERR_FILENO;
    watched[0] = (struct pollfd){.fd = work.asked.pidfd, .events = POLLIN};
    kept[0] = &watched[0].fd;
    kept[1] = &work.asked.record_fd;
    kept[2] = &work.asked.log_fd;
    for (size_t i = 0; i < count; i++) {
        programs[i] = supervision->programs[i];
        kept[i + 3] = &programs[i].socket_fd;
    }
    if (maqet_child_detach(&child, kept, count + 3, supervise, &work) < 0)
        return maqet_error_errno(err, errno, "Cannot start what watches over %s",
                                 programs[0].path);
    while (read(child.fd, &outcome, sizeof(outcome)) < 0 && errno == EINTR)
        continue;
    maqet_child_reap(&child);
    return outcome.number == 0 ? 0 : error_not_run(supervision, &outcome, err);
}
