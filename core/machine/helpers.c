/* SPDX-License-Identifier: MIT */
#include "core/machine/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/machine/helpers_record.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"

/* ---- preparing them ---- */

static int
check_socket(const struct maqet_drive *drive, struct maqet_error **err)
{
    size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    if (strlen(drive->socket) <= room)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                      "the path of the socket of the program that runs beside QEMU has "
                      "%zu bytes, and %zu is the most that there can be: %s",
                      strlen(drive->socket), room, drive->socket);
    maqet_error_next(err, MAQET_NEXT_SHORTEN_RUNTIME_DIR, NULL);
    return -1;
}

static int
error_not_found(const struct maqet_drive *drive, const char *program,
                struct maqet_error **err)
{
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                      "the program %s, which must run beside QEMU for it, was not found",
                      program);
    maqet_error_hint(err, "Install it%s",
                     strchr(program, '/') ? " there" : ", or add its folder to PATH");
    return -1;
}

/* Fills the next item, without a socket if @dir_fd is negative. After an error it is
 * cleared with the others. */
static int
prepare(const struct maqet_drive *drive, int dir_fd, struct maqet_helpers *helpers,
        struct maqet_error **err)
{
    struct maqet_helper *helper = &helpers->items[helpers->count];

    if (check_socket(drive, err) < 0 ||
        maqet_storage_helper(drive, &helper->command, err) < 0)
        return -1;
    if (!helper->command) /* and no error: it needs none */
        return 0;
    helpers->count++;
    helper->drive = drive->name;
    helper->argv = (const char *const *)helper->command->argv.items;
    helper->environment = &helper->command->environment;
    helper->path = maqet_process_find(helper->argv[0]);
    helper->socket_fd = -1;
    if (!helper->path)
        return error_not_found(drive, helper->argv[0], err);
    if (dir_fd < 0)
        return 0;
    helper->socket_fd = maqet_socket_listen(dir_fd, strrchr(drive->socket, '/') + 1, err);
    return helper->socket_fd < 0 ? -1 : 0;
}

int
maqet_helpers_prepare(struct maqet_drive *const *drives, size_t count, int dir_fd,
                      struct maqet_helpers *helpers, struct maqet_error **err)
{
    helpers->items = maqet_alloc((count + 1) * sizeof(*helpers->items));
    for (size_t i = 0; i < count; i++)
        if (drives[i]->storage->plugin.helper && !drives[i]->shown &&
            !maqet_drive_empty(drives[i]) && prepare(drives[i], dir_fd, helpers, err) < 0)
            return -1;
    if (helpers->count == 0 || dir_fd < 0)
        return 0;
    helpers->record_fd =
        openat(dir_fd, MAQET_HELPERS_RECORD,
               O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return helpers->record_fd < 0
               ? maqet_error_errno(err, errno, "Cannot create the record of helpers")
               : 0;
}

int
maqet_helpers_check(struct maqet_drive *const *drives, size_t count,
                    struct maqet_error **err)
{
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;

    return maqet_helpers_prepare(drives, count, -1, &helpers, err);
}

void
maqet_helpers_clear(struct maqet_helpers *helpers)
{
    for (size_t i = 0; i < helpers->count; i++) {
        struct maqet_helper *helper = &helpers->items[i];

        free((char *)helper->path);
        if (helper->socket_fd >= 0)
            close(helper->socket_fd);
        maqet_command_free(helper->command);
    }
    free(helpers->items);
    if (helpers->record_fd >= 0)
        close(helpers->record_fd);
    *helpers = (struct maqet_helpers)MAQET_HELPERS_INIT;
}

/* ---- a program, before it is executed ---- */

/* The supervisor's copy of what it needs; descriptors have other numbers there. */
struct work {
    struct maqet_helper *items;
    size_t count;
    int record_fd, log_fd;
    const char *folder;
    int64_t patience;
    struct pollfd *watched; /* QEMU, and then each program */
    pid_t *pids;            /* of the programs */
    size_t current;         /* the program that is being started */
};

/* As the plugin wants it, and as systemd's socket activation does. */
static int
set_environment(const struct maqet_strings *changes)
{
    _cleanup_free_ char *pid = maqet_format("%d", (int)getpid());

    for (size_t i = 0; changes && i < changes->count; i++)
        if (strchr(changes->items[i], '='))
            putenv(changes->items[i]);
        else
            unsetenv(changes->items[i]);
    unsetenv("LISTEN_FDNAMES");
    return setenv("LISTEN_FDS", "1", 1) < 0 ? -1 : setenv("LISTEN_PID", pid, 1);
}

/* @report gets errno, or is closed by exec. */
static int
become_program(void *data, int report)
{
    const struct work *work = data;
    const struct maqet_helper *helper = &work->items[work->current];
    int number;

    setsid();
    maqet_child_reset_signals();
    /* All other descriptors are closed on exec. */
    if (dup2(work->log_fd, 1) >= 0 && dup2(work->log_fd, 2) >= 0 &&
        dup2(helper->socket_fd, MAQET_HELPER_FD) >= 0 &&
        set_environment(helper->environment) == 0 &&
        maqet_helpers_note(work->record_fd, getpid(), helper->drive) == 0) {
        if (work->folder && chdir(work->folder) < 0)
            errno = 0;
        execv(helper->path, (char *const *)helper->argv);
    }
    /* A short write does not set errno. */
    number = errno != 0 ? errno : EIO;
    return write(report, &number, sizeof(number)) < 0 ? 126 : 127;
}

/* Starts a program, and returns when it runs. -1 and errno: it cannot. */
static int
start_program(struct work *work, size_t index)
{
    struct maqet_child child;
    int number = 0;

    work->current = index;
    if (maqet_child_start(&child, SIGTERM, become_program, work) < 0)
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

/* What the supervisor reports when all programs run, or one cannot. */
struct outcome {
    int number;    /* errno; 0: they run */
    size_t helper; /* the one that cannot */
};

/* Waits for the end of QEMU, or of all programs. */
static void
watch(struct work *work)
{
    size_t running = work->count;

    while (running > 0 && !work->watched[0].revents) {
        poll(work->watched, work->count + 1, -1);
        for (size_t i = 0; i < work->count; i++) {
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
    struct maqet_deadline deadline = maqet_deadline_in(work->patience);

    for (size_t i = 0; i < work->count; i++)
        if (work->watched[i + 1].fd >= 0)
            maqet_pidfd_terminate(work->watched[i + 1].fd);
    for (size_t i = 0; i < work->count; i++) {
        int pidfd = work->watched[i + 1].fd;

        if (pidfd < 0)
            continue;
        if (!maqet_pidfd_wait(pidfd, maqet_deadline_left(deadline)))
            maqet_pidfd_kill(pidfd, SIGKILL);
        maqet_child_wait(work->pids[i]);
    }
}

/* Its standard streams are empty, and the programs inherit the first. It opens the record
 * again, for a lock of its own. */
static int
settle(const struct work *work)
{
    _cleanup_free_ char *record = maqet_format("/proc/self/fd/%d", work->record_fd);
    int nothing = open("/dev/null", O_RDWR); /* becomes the first, as all are closed */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    prctl(PR_SET_NAME, MAQET_HELPERS_SUPERVISOR);
    if (nothing != 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0)
        return -1;
    /* Stays open until it ends. */
    int locked = open(record, O_RDWR | O_CLOEXEC);
    return locked < 0 ? -1 : fcntl(locked, F_OFD_SETLK, &lock);
}

static int
supervise(void *data, int report)
{
    struct work *work = data;
    struct outcome outcome = {0};

    /* The process that started us only waits for this one. */
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? 127 : 0;
    if (settle(work) < 0)
        outcome.number = errno;
    for (size_t i = 0; i < work->count && outcome.number == 0; i++)
        if (start_program(work, i) < 0)
            outcome = (struct outcome){.number = errno, .helper = i};
    /* If one cannot run, the others end with us. */
    if (write(report, &outcome, sizeof(outcome)) < 0 && outcome.number == 0)
        errno = 0; /* maqet was killed, and QEMU runs on */
    if (outcome.number != 0)
        return 0;
    close(report);
    for (size_t i = 0; i < work->count; i++)
        close(work->items[i].socket_fd);
    if (chdir("/") < 0)
        errno = 0;
    watch(work);
    end_programs(work);
    return 0;
}

int
maqet_helpers_start(const struct maqet_helpers *helpers, int pidfd, int log_fd,
                    const char *folder, struct maqet_error **err)
{
    size_t count = helpers->count;
    _cleanup_free_ struct maqet_helper *items = maqet_alloc((count + 1) * sizeof(*items));
    _cleanup_free_ struct pollfd *watched = maqet_alloc((count + 1) * sizeof(*watched));
    _cleanup_free_ pid_t *pids = maqet_alloc((count + 1) * sizeof(*pids));
    _cleanup_free_ int **kept = maqet_alloc((count + 3) * sizeof(*kept));
    struct work work = {.items = items,
                        .count = count,
                        .record_fd = helpers->record_fd,
                        .log_fd = log_fd < 0 ? STDERR_FILENO : log_fd,
                        .folder = folder,
                        .patience = helpers->patience,
                        .watched = watched,
                        .pids = pids};
    struct outcome outcome = {.number = EIO};
    struct maqet_child child;

    if (count == 0)
        return 0;
    watched[0] = (struct pollfd){.fd = pidfd, .events = POLLIN};
    kept[0] = &watched[0].fd;
    kept[1] = &work.record_fd;
    kept[2] = &work.log_fd;
    for (size_t i = 0; i < count; i++) {
        items[i] = helpers->items[i];
        kept[i + 3] = &items[i].socket_fd;
    }
    if (maqet_child_detach(&child, kept, count + 3, supervise, &work) < 0)
        return maqet_error_errno(err, errno, "Cannot start the supervisor of %s",
                                 items[0].path);
    while (read(child.fd, &outcome, sizeof(outcome)) < 0 && errno == EINTR)
        continue;
    maqet_child_reap(&child);
    if (outcome.number == 0)
        return 0;
    return maqet_error_errno(
        err, outcome.number, "Drive '%s': cannot run %s, which must run beside QEMU",
        helpers->items[outcome.helper].drive, helpers->items[outcome.helper].path);
}
