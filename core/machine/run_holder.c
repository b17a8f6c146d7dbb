/* SPDX-License-Identifier: MIT */
#include "core/machine/run_holder.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/pidfd.h"
#include "core/base/procfs.h"
#include "core/machine/definition.h"
#include "core/machine/store.h"
#include "core/qemu/descriptors.h"

/*
 * Whether a process has the run file open where QEMU has it. A PID in the file that is
 * not yet, or no longer, QEMU's can't pass this, even when another process got the same
 * number.
 */
static bool
has_run_file(int pid, int run_fd)
{
    _cleanup_free_ char *path = maqet_descriptor_path(pid, MAQET_DESCRIPTOR_RUN);
    struct stat theirs, ours;

    return stat(path, &theirs) == 0 && fstat(run_fd, &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
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
    struct stat status, theirs, there;
    size_t length = path ? strlen(path) : 0;

    if (length <= strlen(run) || strcmp(path + length - strlen(run), run) != 0 ||
        stat(process, &status) < 0 || status.st_uid != geteuid() ||
        stat(link, &theirs) < 0 || stat(path, &there) < 0 ||
        theirs.st_dev != there.st_dev || theirs.st_ino != there.st_ino ||
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
