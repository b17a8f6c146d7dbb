/* SPDX-License-Identifier: MIT */
#include "core/machine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/base/replacement.h"
#include "core/machine/definition.h"
#include "core/machine/helpers.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"
#include "core/qemu/descriptors.h"

enum { LOG_TAIL = 4096 };

/* ---- who has the run file locked ---- */

/*
 * Whether a process has the run file open where QEMU has it. A PID in the file that is
 * not yet, or no longer, QEMU's can't pass this, even when another process got the same
 * number.
 */
static bool
has_run_file(int pid, int run_fd)
{
    _cleanup_free_ char *path = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);

    return maqet_fd_is_at(run_fd, path);
}

/* A pidfd of the process that the run file names, when that is QEMU; else -1. */
static int
open_holder(int run_fd, int *pid)
{
    char text[16] = "";

    *pid = pread(run_fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
    if (*pid <= 0)
        return -1;
    _cleanup_close_ int pidfd = maqet_pidfd_open(*pid);
    return pidfd >= 0 && has_run_file(*pid, run_fd) ? TAKE_FD(pidfd) : -1;
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

char *
maqet_run_machine_of(int pid, char **data_dir)
{
    static const char vms[] = "/vms/", run[] = "/" MAQET_STORE_RUN;
    _cleanup_free_ char *process = maqet_format("/proc/%d", pid);
    _cleanup_free_ char *link = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);
    _cleanup_free_ char *path = realpath(link, NULL);
    struct maqet_file_id theirs, there;
    struct stat status;
    size_t length = path ? strlen(path) : 0;

    if (length <= strlen(run) || strcmp(path + length - strlen(run), run) != 0 ||
        stat(process, &status) < 0 || status.st_uid != geteuid() ||
        !maqet_file_id_of_target(link, &theirs) ||
        !maqet_file_id_of_target(path, &there) || !maqet_file_id_equal(&theirs, &there) ||
        !maqet_procfs_has_lock(pid, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)))
        return NULL;
    path[length - strlen(run)] = '\0';
    char *name = strrchr(path, '/');
    size_t above = (size_t)(name - path) + 1;

    if (above < strlen(vms) || strncmp(name + 1 - strlen(vms), vms, strlen(vms)) != 0 ||
        !maqet_vm_name_valid(name + 1))
        return NULL;
    *data_dir = maqet_strndup(path, above - strlen(vms));
    return maqet_strdup(name + 1);
}

/* ---- the run folder ---- */

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

/* QEMU removes its temporary files as soon as it has them open; one that was killed in
 * between has left them. */
void
maqet_run_remove_scratch(int dir_fd)
{
    char path[PATH_MAX];
    ssize_t length = readlinkat(dir_fd, MAQET_RUN_SCRATCH, path, sizeof(path) - 1);
    struct stat status;

    if (length <= 0)
        return;
    path[length] = '\0';
    /* It lies where others may write: once it has gone, as temporary files do, they could
     * have made something else, or a link to something else, under its name. */
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) ||
        maqet_dir_remove(path, NULL) == 0)
        unlinkat(dir_fd, MAQET_RUN_SCRATCH, 0);
}

void
maqet_run_sweep(int dir_fd)
{
    static const char *const files[] = {MAQET_RUN_MONITOR, MAQET_AGENT_SOCKET};
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    maqet_helpers_end(dir_fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(dir_fd, files[i], 0);
    unlinkat(dir_fd, MAQET_RUN_OWN, AT_REMOVEDIR);
    maqet_run_remove_scratch(dir_fd);
    if (folder)
        maqet_dir_sweep(folder, NULL);
}

void
maqet_run_tidy(int dir_fd)
{
    maqet_run_sweep(dir_fd);
    unlinkat(dir_fd, MAQET_RUN_PID, 0);
}
