/* SPDX-License-Identifier: MIT */
#include "core/fork/servers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/apart.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/fork/processes.h"
#include "core/machine/helpers.h"

/* What the supervisor reports when all can be read: for each drive that is shown, in the order of the plan, the
 * words by which QEMU opens it. Or, also later, what has failed. */
#define KEY_IMAGES "images"
#define KEY_ERROR "error"

enum { LINE_LIMIT = 1 << 20 };

struct work {
    const struct maqet_forking *forking;
    const struct maqet_opened *machine;
    struct maqet_fork_shown shown;
};

/* ---- lines ---- */

/* Reads a line from a socket. NULL: the other side has closed it. The caller frees. */
static char *
read_line(int fd)
{
    struct maqet_text line = MAQET_TEXT_INIT;
    char byte = '\0';
    ssize_t count = 0;

    while (line.length < LINE_LIMIT) {
        count = read(fd, &byte, 1);
        if ((count < 0 && errno != EINTR) || count == 0 || (count == 1 && byte == '\n'))
            break;
        if (count == 1)
            maqet_text_append_bytes(&line, &byte, 1);
    }
    if (count == 1 && byte == '\n')
        return maqet_text_take(&line);
    maqet_text_clear(&line);
    return NULL;
}

/* ---- in the supervisor ---- */

static json_object *
images_of(const struct maqet_fork_shown *shown)
{
    json_object *images = json_object_new_array();

    for (size_t i = 0; i < shown->count; i++)
        json_object_array_add(images, maqet_strings_to_json(&shown->items[i].image));
    return images;
}

/* A pidfd of the QEMU that a line names: "PID START". -1: there is none. */
static int
open_qemu(const char *line)
{
    struct maqet_procfs_stat stat;
    uint64_t started;
    int pid;

    if (!line || sscanf(line, "%d %" SCNu64, &pid, &started) != 2)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    return pidfd >= 0 && maqet_procfs_stat(pid, &stat) && stat.started == started
               ? TAKE_FD(pidfd)
               : -1;
}

/* Waits for the end of QEMU, and drops what the servers print meanwhile. */
static void
watch(int pidfd, const struct maqet_fork_shown *shown)
{
    size_t count = 1;
    _cleanup_free_ struct pollfd *fds =
        maqet_alloc((2 * shown->server_count + 1) * sizeof(*fds));
    char buffer[4096];

    fds[0] = (struct pollfd){.fd = pidfd, .events = POLLIN};
    for (size_t i = 0; i < shown->server_count; i++) {
        const struct maqet_process_server *server = &shown->servers[i].server;

        fds[count++] = (struct pollfd){.fd = server->out, .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = server->error, .events = POLLIN};
    }
    while (!fds[0].revents) {
        if (poll(fds, count, -1) < 0)
            continue;
        for (size_t i = 1; i < count; i++)
            if (fds[i].revents && read(fds[i].fd, buffer, sizeof(buffer)) <= 0)
                fds[i].fd = -1; /* that server has ended */
    }
}

static int
compare_numbers(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

/* Keeps nothing of the command's but the socket to it, the run folder and what the servers print. */
static void
close_others(int fd, const struct work *work)
{
    const struct maqet_fork_shown *shown = &work->shown;
    _cleanup_free_ int *kept = maqet_alloc((2 * shown->server_count + 2) * sizeof(*kept));
    size_t count = 0;

    kept[count++] = fd;
    kept[count++] = work->machine->run.dir_fd;
    for (size_t i = 0; i < shown->server_count; i++) {
        const struct maqet_process_server *server = &shown->servers[i].server;

        /* The last one may not have been started. */
        if (server->pid > 0 && server->out >= 0)
            kept[count++] = server->out;
        if (server->pid > 0 && server->error >= 0)
            kept[count++] = server->error;
    }
    qsort(kept, count, sizeof(*kept), compare_numbers);
    maqet_child_close_others(kept, count);
}

/* Without its terminal, and without what the command does with signals, which it survives. */
static int
settle(void)
{
    _cleanup_close_ int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    maqet_child_reset_signals();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, MAQET_HELPERS_SUPERVISOR);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (nothing < 0 || dup2(nothing, fd) < 0)
            return -1;
    return 0;
}

/* Has the servers in the record of helpers. Not before QEMU runs: a start ends what the record names.
 * Returns the record, whose lock is kept until they have ended; -1: an error. */
static int
record_servers(const struct work *work, struct maqet_error **err)
{
    const struct maqet_fork_shown *shown = &work->shown;
    const struct maqet_run *run = &work->machine->run;
    size_t noted = 0;

    errno = 0;
    _cleanup_close_ int record = maqet_helpers_join(run->dir_fd);
    /* Each item has a server. */
    for (; record >= 0 && noted < shown->server_count; noted++) {
        errno = 0;
        if (maqet_helpers_note(record, shown->servers[noted].server.pid,
                               shown->items[noted].drive) < 0)
            break;
    }
    if (record >= 0 && noted == shown->server_count)
        return TAKE_FD(record);
    int number = errno != 0 ? errno : ESRCH; /* that server has ended meanwhile */
    maqet_error_errno(err, number,
                      "VM '%s', drive '%s': its server cannot be recorded in %s",
                      work->machine->name, shown->items[noted].drive, run->folder);
    if (number == ENOSPC || number == EDQUOT)
        maqet_error_hint(err, "Free up space in the file system with %s, and try again",
                         run->folder);
    return -1;
}

/* Of a QEMU that runs, until it ends. Returns the record; -1: they are not in it. */
static int
supervise(int fd, int pidfd, const struct work *work)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    const struct maqet_fork_shown *shown = &work->shown;
    _cleanup_close_ int record = record_servers(work, &error);

    maqet_fork_process_send(
        fd, error ? maqet_json_object(KEY_ERROR, maqet_error_to_json(error), NULL)
                  : json_object_new_object());
    if (error)
        return -1;
    close(fd);
    if (chdir("/") < 0)
        errno = 0;
    watch(pidfd, shown);
    return TAKE_FD(record);
}

/* Starts the servers, and reports that. */
static int
begin(struct work *work, int fd)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_context context = *work->forking->context;
    struct maqet_forking forking = *work->forking;

    context.message = NULL;
    context.progress = NULL;
    context.ending = NULL;
    forking.context = &context;
    int result = settle() < 0 ? maqet_error_errno(&error, errno, "Cannot open /dev/null")
                              : maqet_fork_show(&forking, work->machine->run.folder,
                                                &work->shown, &error);
    /* Before the command goes on: what it has locked is not ours. */
    close_others(fd, work);
    maqet_fork_process_send(
        fd, result < 0 ? maqet_json_object(KEY_ERROR, maqet_error_to_json(error), NULL)
                       : maqet_json_object(KEY_IMAGES, images_of(&work->shown), NULL));
    return result;
}

static int
run_supervisor(void *data, int fd)
{
    struct work *work = data;
    _cleanup_close_ int record = -1;

    if (begin(work, fd) == 0) {
        _cleanup_free_ char *line = read_line(fd);
        _cleanup_close_ int pidfd = open_qemu(line);

        if (pidfd >= 0)
            record = supervise(fd, pidfd, work);
    }
    maqet_fork_shown_clear(&work->shown);
    return 0;
}

/* ---- in the command ---- */

/* @who of them. */
static int
error_ended(const struct maqet_opened *machine, const char *who, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_FAILED, "VM '%s': %s has ended",
                           machine->name, who);
}

static const char QEMU[] = "QEMU";
static const char SUPERVISOR[] = "the process that runs the servers of its drives";

/* What the supervisor has reported. */
static int
take_images(struct maqet_fork_servers *servers, const struct maqet_forking *forking,
            json_object *report, struct maqet_error **err)
{
    json_object *images = json_object_object_get(report, KEY_IMAGES);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_fork_shown *shown = &servers->shown;

    if (!images) {
        maqet_error_from_json(json_object_object_get(report, KEY_ERROR), err);
        return -1;
    }
    maqet_fork_list_shown(forking, &names);
    shown->items = maqet_alloc(names.count * sizeof(*shown->items) + 1);
    for (size_t i = 0; i < forking->plan.count; i++) {
        const char *name = forking->plan.drives[i].drive->name;

        if (!maqet_strings_has(&names, name))
            continue;
        struct maqet_shown *item = &shown->items[shown->count++];
        item->drive = name;
        maqet_json_texts(json_object_array_get_idx(images, shown->count - 1),
                         &item->image);
    }
    return 0;
}

int
maqet_fork_servers_begin(struct maqet_fork_servers *servers,
                         const struct maqet_forking *forking,
                         const struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct work work = {.forking = forking, .machine = machine};

    maqet_fork_list_shown(forking, &names);
    if (names.count == 0)
        return 0;
    if (maqet_child_start(&servers->supervisor, 0, run_supervisor, &work) < 0)
        return maqet_error_errno(err, errno,
                                 "VM '%s': cannot start a process for the servers of its "
                                 "drives",
                                 machine->name);
    _cleanup_free_ char *line = read_line(servers->supervisor.fd);
    _cleanup_json_ json_object *report = line ? json_tokener_parse(line) : NULL;
    return report ? take_images(servers, forking, report, err)
                  : error_ended(machine, SUPERVISOR, err);
}

int
maqet_fork_servers_leave(struct maqet_fork_servers *servers,
                         const struct maqet_opened *machine, struct maqet_error **err)
{
    struct maqet_procfs_stat stat;
    int fd = servers->supervisor.fd;

    if (fd < 0)
        return 0;
    _cleanup_free_ char *qemu =
        maqet_procfs_stat(machine->run.pid, &stat)
            ? maqet_format("%d %" PRIu64 "\n", machine->run.pid, stat.started)
            : NULL;
    if (!qemu || send(fd, qemu, strlen(qemu), MSG_NOSIGNAL) < 0)
        return error_ended(machine, qemu ? SUPERVISOR : QEMU, err);
    _cleanup_free_ char *line = read_line(fd);
    _cleanup_json_ json_object *report = line ? json_tokener_parse(line) : NULL;
    json_object *error;
    if (json_object_object_get_ex(report, KEY_ERROR, &error))
        return maqet_error_from_json(error, err);
    /* It ends without a word, too, if QEMU has ended before it could watch that. */
    if (!report)
        return error_ended(
            machine, maqet_pidfd_wait(machine->run.pidfd, 0) ? QEMU : SUPERVISOR, err);
    maqet_child_leave(&servers->supervisor);
    servers->supervisor = (struct maqet_child)MAQET_CHILD_INIT;
    return 0;
}

void
maqet_fork_servers_clear(struct maqet_fork_servers *servers)
{
    maqet_child_reap(&servers->supervisor);
    servers->supervisor = (struct maqet_child)MAQET_CHILD_INIT;
    maqet_fork_shown_clear(&servers->shown);
}
