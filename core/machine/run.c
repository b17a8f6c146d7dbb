/* SPDX-License-Identifier: MIT */
#include "core/machine/run.h"
#include "core/base/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/logfile.h"
#include "core/base/procfs.h"
#include "core/base/replacement.h"
#include "core/machine/definition.h"
#include "core/machine/helpers.h"
#include "core/machine/keeper.h"
#include "core/machine/run_owner.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"

enum { LOG_TAIL = 4096 };

void
maqet_run_clear(struct maqet_run *run)
{
    const int fds[] = {run->pidfd, run->run_fd, run->dir_fd};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(run->folder);
    *run = (struct maqet_run)MAQET_RUN_INIT;
}

bool
maqet_run_has_monitor(const struct maqet_run *run)
{
    return run->dir_fd >= 0 &&
           faccessat(run->dir_fd, MAQET_RUN_MONITOR, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

char *
maqet_run_text(const struct maqet_run *run)
{
    if (!run->lost)
        return maqet_format("(PID %d)", run->pid);
    if (run->dir_fd < 0)
        return maqet_format("(PID %d), but its runtime folder is lost (%s)", run->pid,
                            run->folder);
    return maqet_format("(PID %d), but its monitor's socket is lost (%s/%s)", run->pid,
                        run->folder, MAQET_RUN_MONITOR);
}

int
maqet_run_check_reachable(const struct maqet_run *run, const char *name,
                          struct maqet_error **err)
{
    if (!run->lost)
        return 0;
    _cleanup_free_ char *text = maqet_run_text(run);

    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is running %s, so it can only be stopped", name, text);
    maqet_error_next(err, MAQET_NEXT_STOP_AND_START, name, NULL);
    return -1;
}

/* ---- the run file ---- */

/* A pidfd of the process that the run file names, if that is QEMU; else -1. The PID may
 * not be QEMU's yet, or be another process's already: then that process does not have the
 * run file open as QEMU has it. */
static int
open_holder(int run_fd, int *pid)
{
    char text[16] = "";

    *pid = pread(run_fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
    if (*pid <= 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(*pid);
    _cleanup_free_ char *path = maqet_descriptor_path(*pid, MAQET_DESCRIPTOR_RUN);
    return pidfd >= 0 && maqet_fd_is_at(run_fd, path) ? TAKE_FD(pidfd) : -1;
}

int
maqet_run_holder(int run_fd, int *pidfd, int64_t deadline, struct maqet_error **err)
{
    int pid;

    *pidfd = -1;
    do {
        int held = maqet_lock_held(run_fd, err);

        if (held <= 0)
            return held;
        *pidfd = open_holder(run_fd, &pid);
        if (*pidfd >= 0)
            return pid;
        maqet_sleep(2);
    } while (maqet_now() < deadline);
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "the lock on its run file is held, but the process that "
                           "the file names is not QEMU");
}

/* The run file that a process of this user has open as QEMU has it: its path below /proc
 * (the caller frees), and its identity. NULL: there is none. */
static char *
find_run_file(int pid, struct maqet_file_id *id)
{
    _cleanup_free_ char *process = maqet_format("/proc/%d", pid);
    _cleanup_free_ char *link = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);
    struct stat status;

    return stat(process, &status) == 0 && status.st_uid == geteuid() &&
                   maqet_file_id_of_target(link, id)
               ? TAKE_PTR(link)
               : NULL;
}

char *
maqet_run_machine_of(int pid, char **data_dir)
{
    static const char vms[] = "/vms", run[] = "/" MAQET_STORE_RUN;
    struct maqet_file_id theirs, there;
    _cleanup_free_ char *link = find_run_file(pid, &theirs);
    _cleanup_free_ char *path = link ? realpath(link, NULL) : NULL;

    if (!path || !maqet_text_ends(path, run) || !maqet_file_id_of_target(path, &there) ||
        !maqet_file_id_equal(&theirs, &there) ||
        !maqet_procfs_has_lock(pid, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)))
        return NULL;
    path[strlen(path) - strlen(run)] = '\0';
    char *name = strrchr(path, '/');

    if (!name || !maqet_vm_name_valid(name + 1))
        return NULL;
    *name = '\0';
    if (!maqet_text_ends(path, vms))
        return NULL;
    *data_dir = maqet_strndup(path, strlen(path) - strlen(vms));
    return maqet_strdup(name + 1);
}

/* The run file of one process, as maqet_run_open_deleted() wants it; or -1. */
static int
open_deleted(int pid, const struct maqet_file_id *wanted)
{
    struct maqet_file_id id;
    struct stat status;
    _cleanup_free_ char *path = find_run_file(pid, &id);

    if (!path || !maqet_file_id_equal(&id, wanted))
        return -1;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && fstat(fd, &status) == 0 && status.st_nlink == 0 &&
                   maqet_file_id_of_fd(fd, &id) && maqet_file_id_equal(&id, wanted) &&
                   maqet_lock_held(fd, NULL) == 1
               ? TAKE_FD(fd)
               : -1;
}

int
maqet_run_open_deleted(const struct maqet_file_id *wanted)
{
    _cleanup_strings_ struct maqet_strings processes = MAQET_STRINGS_INIT;

    maqet_dir_list("/proc", &processes, NULL);
    for (size_t i = 0; i < processes.count; i++) {
        int pid = (int)strtol(processes.items[i], NULL, 10);
        int fd = pid > 0 ? open_deleted(pid, wanted) : -1;

        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* ---- what is in the run folder ---- */

char *
maqet_run_server_socket(const char *folder, size_t index)
{
    return maqet_format("%s/drive%zu.sock", folder, index);
}

void
maqet_run_remove_servers(const char *folder)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &files, NULL);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, files.items[i]);

        if (fnmatch("drive[0-9]*.sock", files.items[i], 0) == 0)
            unlink(path);
    }
}

char *
maqet_run_last_words(int log_fd)
{
    struct stat status;
    char *words = maqet_alloc(LOG_TAIL + 1);

    if (log_fd < 0 || fstat(log_fd, &status) < 0)
        return words;
    off_t from = status.st_size > LOG_TAIL ? status.st_size - LOG_TAIL : 0;
    ssize_t count = pread(log_fd, words, LOG_TAIL, from);
    size_t length = count > 0 ? strnlen(words, (size_t)count) : 0;

    words[length] = '\0';
    const char *last = maqet_text_last_lines(words, length, NULL);
    memmove(words, last, length - (size_t)(last - words) + 1);
    return words;
}

/* ---- the end ---- */

void
maqet_qemu_end(int pidfd, int64_t flush)
{
    maqet_pidfd_terminate(pidfd);
    if (maqet_pidfd_wait(pidfd, flush))
        return;
    maqet_pidfd_kill(pidfd, SIGKILL);
    maqet_pidfd_wait(pidfd, MAQET_END_TIMEOUT);
}

/* QEMU removes its temporary files as soon as it has them open, unless it is killed in
 * between. */
void
maqet_run_remove_scratch(int dir_fd)
{
    char path[PATH_MAX];
    ssize_t length = readlinkat(dir_fd, MAQET_RUN_SCRATCH, path, sizeof(path) - 1);
    struct stat status;

    if (length <= 0)
        return;
    path[length] = '\0';
    /* Others may write where it is: once it has been cleaned up, as temporary files are,
     * they can have created something else, or a link, under its name. */
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) ||
        maqet_dir_remove(path, NULL) == 0)
        unlinkat(dir_fd, MAQET_RUN_SCRATCH, 0);
}

void
maqet_run_sweep_files(int dir_fd)
{
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    if (folder)
        maqet_dir_sweep(folder, NULL);
}

void
maqet_run_sweep(int dir_fd)
{
    maqet_helpers_end(dir_fd);
    maqet_keeper_end(dir_fd);
    unlinkat(dir_fd, MAQET_RUN_MONITOR, 0);
    unlinkat(dir_fd, MAQET_AGENT_SOCKET, 0);
    unlinkat(dir_fd, MAQET_RUN_OWN, AT_REMOVEDIR);
    maqet_run_remove_scratch(dir_fd);
    maqet_run_sweep_files(dir_fd);
}

void
maqet_run_tidy(int dir_fd)
{
    unlinkat(dir_fd, MAQET_RUN_PID, 0); /* or its folder would stay */
    maqet_run_sweep(dir_fd);
}

bool
maqet_run_remove(const char *folder, int dir_fd)
{
    static const char *const files[] = {
        "run",           MAQET_RUN_OWNER,
        "vm.json",       MAQET_RUN_MONITOR_LOCK,
        MAQET_RUN_LOG,   MAQET_RUN_LOG MAQET_LOGFILE_OLDER,
        MAQET_DRIVE_LOG, MAQET_RUN_FORCED,
        MAQET_RUN_RULES};

    maqet_run_tidy(dir_fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(dir_fd, files[i], 0);
    maqet_run_remove_servers(folder);
    return rmdir(folder) == 0;
}
