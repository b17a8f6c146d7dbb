/* SPDX-License-Identifier: MIT */
#include "core/machine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/machine/console_port.h"
#include "core/machine/events.h"
#include "core/machine/qemu_log.h"
#include "core/qemu/channel.h"

/* In the run folder: "PID START" (proc(5), field 22 of stat) of the keeper, which has it
 * locked until everything is in the log. */
static const char RECORD[] = "keeper";

enum { RECORD_LIMIT = 64 /* bytes */ };

/* The name of its process. */
static const char NAME[] = "maqet-console";

/* ms that clients get, after QEMU's end, to read on; and that a keeper gets to write what
 * is left. */
static const int64_t READ_TIMEOUT = 5000, WRITE_TIMEOUT = 10000;

/* ms for QEMU to take a short command. */
static const int64_t MONITOR_TIMEOUT = 1000;

/* ---- preparing it ---- */

int
maqet_keeper_prepare(int run_fd, const char *folder, struct maqet_keeper *keeper,
                     struct maqet_error **err)
{
    keeper->run_fd = fcntl(run_fd, F_DUPFD_CLOEXEC, 0);
    keeper->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return keeper->run_fd < 0 || keeper->folder_fd < 0
               ? maqet_error_errno(err, errno, "Cannot open %s", folder)
               : 0;
}

/* Two ends of a connection. */
static int
connect_both(int *theirs, int *ours, struct maqet_error **err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return maqet_error_errno(err, errno, "Cannot create a socket");
    *theirs = pair[0];
    *ours = pair[1];
    return 0;
}

int
maqet_keeper_add_console(struct maqet_keeper *keeper, struct maqet_error **err)
{
    if (connect_both(&keeper->qemu_fd, &keeper->serial_fd, err) < 0)
        return -1;
    keeper->now_fd = maqet_socket_listen(keeper->run_fd, MAQET_CONSOLE_SOCKET, err);
    if (keeper->now_fd < 0)
        return -1;
    keeper->start_fd =
        maqet_socket_listen(keeper->run_fd, MAQET_CONSOLE_START_SOCKET, err);
    if (keeper->start_fd < 0)
        return -1;
    return listen(keeper->now_fd, MAQET_CONSOLE_CLIENTS) < 0 ||
                   listen(keeper->start_fd, MAQET_CONSOLE_CLIENTS) < 0
               ? maqet_error_errno(err, errno, "Cannot create the console's sockets")
               : 0;
}

int
maqet_keeper_add_events(struct maqet_keeper *keeper, struct maqet_error **err)
{
    return connect_both(&keeper->monitor_fd, &keeper->events_fd, err);
}

void
maqet_keeper_clear(struct maqet_keeper *keeper)
{
    const int fds[] = {keeper->qemu_fd,   keeper->serial_fd, keeper->monitor_fd,
                       keeper->events_fd, keeper->now_fd,    keeper->start_fd,
                       keeper->folder_fd, keeper->run_fd};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    *keeper = (struct maqet_keeper)MAQET_KEEPER_INIT;
}

/* ---- the process ---- */

/* Its copy of what it needs; descriptors have other numbers there. */
struct work {
    struct maqet_keeper keeper;
    int pidfd;
    const char *mark, *event;
    int record_fd;
    struct maqet_console_port port;
    struct maqet_channel monitor;
    struct maqet_logfile events;
    bool claimed; /* their log's file */
    struct maqet_qemu_log qemu_log;
};

/* Its standard streams are empty. The record stays locked until it is closed. */
static int
settle(struct work *work)
{
    int nothing = open("/dev/null", O_RDWR); /* becomes the first, as all are closed */
    struct maqet_procfs_stat stat;

    prctl(PR_SET_NAME, NAME);
    if (nothing != 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0)
        return -1;
    work->record_fd = openat(work->keeper.run_fd, RECORD,
                             O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (work->record_fd < 0 || maqet_lock_try(work->record_fd, NULL) <= 0)
        return -1;
    /* On a full disk the record stays empty; the keeper works, and ends, without it. */
    if (maqet_procfs_stat(getpid(), &stat) &&
        dprintf(work->record_fd, "%d %" PRIu64 "\n", (int)getpid(), stat.started) < 0)
        errno = 0;
    if (work->port.fd >= 0 &&
        maqet_logfile_open(work->keeper.folder_fd, MAQET_CONSOLE_LOG, work->keeper.limit,
                           &work->port.log, NULL) < 0)
        return -1;
    return work->monitor.fd < 0
               ? 0
               : maqet_logfile_open(work->keeper.folder_fd, MAQET_EVENTS_LOG,
                                    MAQET_EVENTS_LOG_LIMIT, &work->events, NULL);
}

/* ---- events ---- */

static void
record(struct work *work, const struct maqet_event *event)
{
    struct maqet_logfile *log = &work->events;

    if (log->newer < 0)
        return;
    work->claimed = work->claimed || maqet_events_claim(log->dir_fd);
    log->limit = work->claimed ? MAQET_EVENTS_LOG_LIMIT : UINT64_MAX;
    maqet_event_write(log, event);
}

/* Records one of its own. */
static void
note(struct work *work, const char *name)
{
    _cleanup_event_ struct maqet_event event = {0};

    maqet_event_now(name, NULL, &event);
    record(work, &event);
}

/* The greeting is answered; what is not an event is the answer to that. */
static void
take_message(struct work *work, json_object *message)
{
    _cleanup_event_ struct maqet_event event = {0};
    struct maqet_wait wait = maqet_wait_for("QEMU", MONITOR_TIMEOUT);

    if (json_object_object_get(message, "QMP"))
        maqet_channel_command(&work->monitor, "qmp_capabilities", NULL, 0, -1, &wait,
                              NULL);
    else if (maqet_event_of_qemu(message, &event))
        record(work, &event);
}

/* Records what has arrived. A connection that has ended is closed. */
static void
read_events(struct work *work)
{
    while (work->monitor.fd >= 0) {
        struct maqet_wait wait = maqet_wait_for("an event", 0);
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_json_ json_object *message =
            maqet_channel_receive(&work->monitor, &wait, &reason);

        if (message)
            take_message(work, message);
        else if (reason->code == MAQET_ERROR_TIMEOUT)
            return;
        else
            maqet_channel_clear(&work->monitor);
    }
}

/* ---- the loop ---- */

/* Serves clients until QEMU has ended. */
static void
serve(struct work *work)
{
    struct pollfd fds[3 + MAQET_CONSOLE_POLLED];

    do {
        fds[0] = (struct pollfd){.fd = work->pidfd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = work->monitor.fd, .events = POLLIN};
        fds[2] = (struct pollfd){.fd = work->qemu_log.watch, .events = POLLIN};
        maqet_console_port_poll(&work->port, fds + 3);
        if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
            continue;
        maqet_console_port_serve(&work->port, fds + 3);
        if (fds[1].revents)
            read_events(work);
        if (fds[2].revents)
            maqet_qemu_log_shorten(&work->qemu_log);
    } while (!fds[0].revents);
    maqet_console_port_end(&work->port);
    read_events(work);
    note(work, "ended");
    if (work->claimed)
        maqet_events_release(work->events.dir_fd);
}

/* Lets clients read the rest, as long as they do. */
static void
serve_rest(struct work *work)
{
    struct pollfd fds[MAQET_CONSOLE_POLLED];
    struct maqet_deadline deadline = maqet_deadline_in(READ_TIMEOUT);

    while (maqet_console_port_has_readers(&work->port)) {
        int64_t left = maqet_deadline_left(deadline);

        maqet_console_port_poll(&work->port, fds);
        if (left == 0 || poll(fds, MAQET_CONSOLE_POLLED, (int)left) < 0)
            break;
        if (maqet_console_port_serve(&work->port, fds))
            deadline = maqet_deadline_in(READ_TIMEOUT);
    }
}

static int
keep(void *data, int report)
{
    struct work *work = data;
    int number = 0;

    /* The process that started us only waits for this one. */
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? 127 : 0;
    if (settle(work) < 0)
        number = errno != 0 ? errno : EIO;
    else if (work->port.fd >= 0)
        maqet_console_port_begin(&work->port, work->mark);
    note(work, work->event);
    if (write(report, &number, sizeof(number)) < 0)
        errno = 0; /* maqet was killed, and QEMU runs on */
    close(report);
    if (number != 0)
        return 0;
    maqet_qemu_log_watch(work->keeper.run_fd, &work->qemu_log);
    close(TAKE_FD(work->keeper.run_fd));
    close(TAKE_FD(work->keeper.folder_fd));
    if (chdir("/") < 0)
        errno = 0;
    serve(work);
    close(TAKE_FD(work->record_fd));
    serve_rest(work);
    maqet_console_port_clear(&work->port);
    maqet_channel_clear(&work->monitor);
    maqet_logfile_clear(&work->events);
    maqet_qemu_log_clear(&work->qemu_log);
    return 0;
}

/* Waits until the process works: 0, or an errno. On a disk that does not answer it never
 * does; what ends QEMU ends it, too. */
static int
wait_for_report(int fd, int64_t patience)
{
    struct maqet_deadline deadline = maqet_deadline_in(patience);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int number = EIO;

    while (poll(&entry, 1, (int)maqet_deadline_left(deadline)) <= 0)
        if (maqet_deadline_left(deadline) == 0)
            return ETIMEDOUT;
    return read(fd, &number, sizeof(number)) == (ssize_t)sizeof(number) ? number : EIO;
}

int
maqet_keeper_start(const struct maqet_keeper *keeper, int pidfd, const char *mark,
                   const char *event, struct maqet_error **err)
{
    struct work work = {.keeper = *keeper,
                        .pidfd = pidfd,
                        .mark = mark,
                        .event = event,
                        .record_fd = -1,
                        .port = MAQET_CONSOLE_PORT_INIT,
                        .monitor = MAQET_CHANNEL_INIT,
                        .events = MAQET_LOGFILE_INIT,
                        .qemu_log = MAQET_QEMU_LOG_INIT};
    int *const kept[] = {&work.port.fd,         &work.port.now_fd, &work.port.start_fd,
                         &work.monitor.fd,      &work.pidfd,       &work.keeper.run_fd,
                         &work.keeper.folder_fd};
    struct maqet_child child;
    int number;

    work.port.fd = keeper->serial_fd;
    work.port.now_fd = keeper->now_fd;
    work.port.start_fd = keeper->start_fd;
    work.monitor.fd = keeper->events_fd;
    if (maqet_child_detach(&child, kept, sizeof(kept) / sizeof(*kept), keep, &work) < 0)
        return maqet_error_errno(err, errno, "Cannot start the console's keeper");
    number = wait_for_report(child.fd, keeper->patience);
    maqet_child_reap(&child);
    return number == 0
               ? 0
               : maqet_error_errno(err, number, "Cannot start the console's keeper");
}

/* ---- after QEMU ---- */

/* A pidfd of the process in the record; -1: it has ended. */
static int
open_recorded(int fd)
{
    _cleanup_free_ char *text = NULL;
    struct maqet_procfs_stat stat;
    uint64_t started;
    int pid;

    if (maqet_fd_read(fd, RECORD, RECORD_LIMIT, &text, NULL, NULL) < 0 ||
        sscanf(text, "%d %" SCNu64, &pid, &started) != 2 || pid <= 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    return pidfd >= 0 && maqet_procfs_stat(pid, &stat) && stat.started == started
               ? TAKE_FD(pidfd)
               : -1;
}

static int
open_record(int run_fd)
{
    return run_fd < 0 ? -1 : openat(run_fd, RECORD, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

void
maqet_keeper_settle(int run_fd)
{
    _cleanup_close_ int fd = open_record(run_fd);

    if (fd < 0 || maqet_lock_wait_through(fd, WRITE_TIMEOUT))
        return;
    /* It hangs, as on a disk that does not answer, and ignores other signals. */
    _cleanup_close_ int pidfd = open_recorded(fd);
    if (pidfd >= 0) {
        maqet_pidfd_kill(pidfd, SIGKILL);
        maqet_pidfd_wait(pidfd, WRITE_TIMEOUT);
    }
}

void
maqet_keeper_end(int run_fd)
{
    maqet_keeper_settle(run_fd);
    unlinkat(run_fd, RECORD, 0);
    unlinkat(run_fd, MAQET_CONSOLE_SOCKET, 0);
    unlinkat(run_fd, MAQET_CONSOLE_START_SOCKET, 0);
}

bool
maqet_keeper_works(int run_fd)
{
    _cleanup_close_ int fd = open_record(run_fd);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
}
