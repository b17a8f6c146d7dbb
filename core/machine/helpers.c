/* SPDX-License-Identifier: MIT */
#include "core/machine/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"

static const char RECORD[] = "helpers";

/* ms that a helper has to end by itself when QEMU has gone: it may have to flush. */
static const int64_t END_TIMEOUT = 10000;

/* Bytes of the record that are read: more than any machine has helpers. */
enum { RECORD_LIMIT = 65536 };

/* ---- before they run ---- */

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

/* Fills the next item, without a socket where @dir_fd is negative; what was done before
 * an error is cleared with the rest. */
static int
prepare(const struct maqet_drive *drive, int dir_fd, struct maqet_helpers *helpers,
        struct maqet_error **err)
{
    struct maqet_supervised *helper = &helpers->items[helpers->count];
    struct maqet_command *command;

    if (check_socket(drive, err) < 0 || maqet_storage_helper(drive, &command, err) < 0)
        return -1;
    if (!command) /* and no error: it needs none */
        return 0;
    helpers->commands[helpers->count++] = command;
    helper->drive = drive->name;
    helper->argv = (const char *const *)command->argv.items;
    helper->path = maqet_process_find(helper->argv[0]);
    helper->socket_fd = -1;
    if (!helper->path)
        return error_not_found(drive, helper->argv[0], err);
    if (dir_fd < 0)
        return 0;
    helper->socket_fd = maqet_socket_listen(dir_fd, strrchr(drive->socket, '/') + 1, err);
    return helper->socket_fd < 0 ? -1 : 0;
}

static int
prepare_all(struct maqet_drive *const *drives, size_t count, int dir_fd,
            struct maqet_helpers *helpers, struct maqet_error **err)
{
    helpers->items = maqet_alloc((count + 1) * sizeof(*helpers->items));
    helpers->commands = maqet_alloc((count + 1) * sizeof(struct maqet_command *));
    for (size_t i = 0; i < count; i++)
        if (drives[i]->storage->plugin.helper && !drives[i]->served &&
            prepare(drives[i], dir_fd, helpers, err) < 0)
            return -1;
    return 0;
}

int
maqet_helpers_check(struct maqet_drive *const *drives, size_t count,
                    struct maqet_error **err)
{
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;

    return prepare_all(drives, count, -1, &helpers, err);
}

int
maqet_helpers_prepare(struct maqet_drive *const *drives, size_t count, int dir_fd,
                      struct maqet_helpers *helpers, struct maqet_error **err)
{
    if (prepare_all(drives, count, dir_fd, helpers, err) < 0)
        return -1;
    if (helpers->count == 0)
        return 0;
    helpers->record_fd = openat(
        dir_fd, RECORD, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return helpers->record_fd < 0
               ? maqet_error_errno(err, errno, "Cannot create the record of helpers")
               : 0;
}

int
maqet_helpers_start(const struct maqet_helpers *helpers, int pidfd, int log_fd,
                    const char *folder, struct maqet_error **err)
{
    const struct maqet_supervision supervision = {
        .programs = helpers->items,
        .count = helpers->count,
        .pidfd = pidfd,
        .record_fd = helpers->record_fd,
        .log_fd = log_fd,
        .folder = folder,
        .patience = END_TIMEOUT,
    };

    return helpers->count > 0 ? maqet_supervise(&supervision, err) : 0;
}

void
maqet_helpers_clear(struct maqet_helpers *helpers)
{
    for (size_t i = 0; i < helpers->count; i++) {
        struct maqet_supervised *helper = &helpers->items[i];

        free((char *)helper->path);
        if (helper->socket_fd >= 0)
            close(helper->socket_fd);
        maqet_command_free(helpers->commands[i]);
    }
    free(helpers->items);
    free(helpers->commands);
    if (helpers->record_fd >= 0)
        close(helpers->record_fd);
    *helpers = (struct maqet_helpers)MAQET_HELPERS_INIT;
}

/* ---- after QEMU ---- */

/* A pidfd of the process that a line of the record names, and that was started then; -1:
 * it has ended. */
static int
open_recorded(const char *line)
{
    struct maqet_procfs_stat stat;
    uint64_t started;
    int pid;

    if (sscanf(line, "%d %" SCNu64, &pid, &started) != 2 || pid <= 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    return pidfd >= 0 && maqet_procfs_stat(pid, &stat) && stat.started == started
               ? TAKE_FD(pidfd)
               : -1;
}

static void
remove_sockets(int dir_fd)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    if (folder)
        maqet_dir_list(folder, &files, NULL);
    for (size_t i = 0; i < files.count; i++)
        if (maqet_text_starts(files.items[i], MAQET_DRIVE_SOCKET_PREFIX))
            unlinkat(dir_fd, files.items[i], 0);
}

void
maqet_helpers_end(int dir_fd)
{
    struct maqet_deadline deadline = maqet_deadline_in(END_TIMEOUT);
    _cleanup_close_ int fd = openat(dir_fd, RECORD, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ int *pidfds = NULL;
    size_t count = 0;

    /* Of one that can't be read it is not known what runs: whoever looks next finds it.
     */
    if ((fd < 0 && errno != ENOENT) ||
        (fd >= 0 && maqet_fd_read(fd, RECORD, RECORD_LIMIT, &text, NULL, NULL) < 0))
        return;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        int pidfd = open_recorded(line);

        if (pidfd < 0)
            continue;
        pidfds = maqet_realloc(pidfds, (count + 1) * sizeof(*pidfds));
        pidfds[count++] = pidfd;
        maqet_pidfd_terminate(pidfd);
    }
    for (size_t i = 0; i < count; i++) {
        if (!maqet_pidfd_wait(pidfds[i], maqet_deadline_left(deadline))) {
            maqet_pidfd_kill(pidfds[i], SIGKILL);
            maqet_pidfd_wait(pidfds[i], END_TIMEOUT);
        }
        close(pidfds[i]);
    }
    /* What they had to do is done; their supervisors have no more than to end. */
    if (fd >= 0)
        maqet_lock_wait(fd, END_TIMEOUT, "the record of helpers", NULL);
    remove_sockets(dir_fd);
    unlinkat(dir_fd, RECORD, 0);
}
