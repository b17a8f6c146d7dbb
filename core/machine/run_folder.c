/* SPDX-License-Identifier: MIT */
#include "core/machine/run_folder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"

/* Machines of one name in one runtime folder, each in a data folder of its own. */
enum { SAME_NAMES = 1000 };

enum { PATH_LIMIT = 65536 /* bytes of a path */ };

/* ms to wait for another maqet that is just choosing a folder. */
static const int64_t CHOICE_TIMEOUT = 10000;

/* RUNTIME/NAME, RUNTIME/NAME@2: no machine's name has that character. */
static char *
candidate(const struct maqet_run_machine *machine, int number)
{
    const char *above = machine->context->runtime_dir;

    return number == 1 ? maqet_format("%s/%s", above, machine->name)
                       : maqet_format("%s/%s@%d", above, machine->name, number);
}

/*
 * Whose a folder is; one that is not there is nobody's. *fd gets a descriptor of one that
 * is ours, and where nobody else can change it; else -1.
 */
static enum maqet_claim
open_claimed(const struct maqet_run_machine *machine, const char *folder, int *fd)
{
    _cleanup_close_ int opened =
        open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    *fd = -1;
    if (opened < 0 && (errno == ENOENT || access(folder, F_OK) < 0))
        return MAQET_CLAIM_NONE;
    enum maqet_claim claim = maqet_run_claim(machine, folder);
    if (claim != MAQET_CLAIM_OURS)
        return claim;
    if (opened < 0 || fstat(opened, &status) < 0 || status.st_uid != geteuid() ||
        status.st_mode & (S_IWGRP | S_IWOTH))
        return MAQET_CLAIM_OTHER;
    *fd = TAKE_FD(opened);
    return claim;
}

/* ---- where the folder is ---- */

/* A machine, its run file, and what its last start has noted. */
struct known {
    struct maqet_run_machine machine;
    int run_fd;                      /* -1: it has none */
    char *noted_folder;              /* NULL: nothing is noted */
    struct maqet_file_id noted_file; /* that its QEMU has locked */
};

static void
known_clear(struct known *known)
{
    if (known->run_fd >= 0)
        close(known->run_fd);
    free(known->noted_folder);
}

#define _cleanup_known_ _cleanup_(known_clear)

/* @vms_fd: the folder of all machines. */
static void
read_note(struct known *known, int vms_fd)
{
    _cleanup_free_ char *file =
        maqet_format("%s/%s", known->machine.name, MAQET_STORE_RUN_FOLDER);
    _cleanup_free_ char *text = NULL;
    struct maqet_file_id id;

    if (maqet_file_read_at(vms_fd, file, PATH_LIMIT, &text, NULL, NULL) < 0)
        return;
    char *end = strchr(text, '\n');
    if (!end || sscanf(end, "\n%" SCNu64 " %" SCNu64 " %" SCNu64, &id.device, &id.inode,
                       &id.birth) != 3)
        return;
    *end = '\0';
    known->noted_folder = TAKE_PTR(text);
    known->noted_file = id;
}

/* The run file that a process has open as QEMU has it, when it is this one, is deleted,
 * and is locked; -1: it is not. */
static int
open_deleted(const char *pid, const struct maqet_file_id *wanted)
{
    _cleanup_free_ char *process = maqet_format("/proc/%s", pid);
    _cleanup_free_ char *path =
        maqet_format("%s/fd/%d", process, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN));
    struct maqet_file_id id;
    struct stat status;

    if (stat(process, &status) < 0 || status.st_uid != geteuid() ||
        !maqet_file_id_of_target(path, &id) || !maqet_file_id_equal(&id, wanted))
        return -1;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && fstat(fd, &status) == 0 && status.st_nlink == 0 &&
                   maqet_file_id_of_fd(fd, &id) && maqet_file_id_equal(&id, wanted) &&
                   maqet_lock_held(fd, NULL) == 1
               ? TAKE_FD(fd)
               : -1;
}

/*
 * The data folder was moved to another file system, or restored, while the machine ran:
 * its run file is a copy. The one that QEMU has locked is in no folder any more, but the
 * note tells which it is. A descriptor of it, or -1. The run file of a machine that was
 * copied is still in its folder, and is none of the copy's.
 */
static int
open_predecessor(const struct known *known)
{
    _cleanup_strings_ struct maqet_strings processes = MAQET_STRINGS_INIT;

    if (!known->noted_folder ||
        (known->machine.has_run_file &&
         maqet_file_id_is_same_file(&known->noted_file, &known->machine.run_file)))
        return -1;
    maqet_dir_list("/proc", &processes, NULL);
    for (size_t i = 0; i < processes.count; i++) {
        int fd = isdigit((unsigned char)processes.items[i][0])
                     ? open_deleted(processes.items[i], &known->noted_file)
                     : -1;

        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* Takes the descriptor of the run file (-1: there is none). Where QEMU has another file
 * locked than the one in the data folder, that takes its place, and the machine is known
 * by it. */
static struct known
know(const struct maqet_context *context, int vms_fd, const char *name, int run_fd)
{
    struct known known = {.machine = maqet_run_machine_new(context, name, run_fd),
                          .run_fd = run_fd};

    read_note(&known, vms_fd);
    if (run_fd >= 0 && maqet_lock_held(run_fd, NULL) != 0)
        return known;
    int fd = open_predecessor(&known);
    if (fd < 0)
        return known;
    if (run_fd >= 0)
        close(run_fd);
    known.machine = maqet_run_machine_new(context, name, fd);
    known.run_fd = fd;
    return known;
}

static bool
is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/*
 * Finds the folder: of one that runs, that which its start has noted, wherever it is; of
 * one that does not, its own in the runtime folder. Where there is none, the path that it
 * has lost, or would get. Returns the folder's descriptor, or -1.
 */
static int
find(const struct known *known, bool runs, char **path)
{
    const char *noted = known->noted_folder;
    int fd = -1;

    if (noted && (runs || is_below(noted, known->machine.context->runtime_dir)))
        open_claimed(&known->machine, noted, &fd);
    if (fd >= 0 || (noted && runs)) {
        *path = maqet_strdup(noted);
        return fd;
    }
    for (int i = 1; i < SAME_NAMES; i++) {
        _cleanup_free_ char *folder = candidate(&known->machine, i);

        if (open_claimed(&known->machine, folder, &fd) == MAQET_CLAIM_OTHER)
            continue;
        *path = TAKE_PTR(folder);
        return fd;
    }
    *path = candidate(&known->machine, SAME_NAMES);
    return -1;
}

/* ---- choosing one ---- */

/* The runtime folder, made when it is missing, with the lock under which folders in it
 * are chosen. It is the folder itself that is locked, which leaves no file behind. A
 * descriptor, or -1. */
static int
lock_choice(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_close_ int fd = maqet_dir_open_own(context->runtime_dir, O_NOFOLLOW, err);
    int64_t deadline = maqet_now() + CHOICE_TIMEOUT;

    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot lock %s", context->runtime_dir);
        if (maqet_now() > deadline)
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                   "Another program has %s locked", context->runtime_dir);
        maqet_sleep(2);
    }
    return TAKE_FD(fd);
}

/* Makes the first folder ours that is nobody's, or one that an earlier maqet has left of
 * this machine. The lock is held. */
static int
choose(const struct maqet_run_machine *machine, struct maqet_run *run,
       struct maqet_error **err)
{
    for (int i = 1; i < SAME_NAMES; i++) {
        _cleanup_free_ char *folder = candidate(machine, i);
        _cleanup_close_ int fd = maqet_dir_open_own(folder, O_NOFOLLOW, err);

        if (fd < 0)
            return -1;
        if (maqet_run_claim(machine, folder) == MAQET_CLAIM_OTHER)
            continue;
        if (maqet_run_claim_write(machine, folder, err) < 0)
            return -1;
        free(run->folder);
        run->folder = TAKE_PTR(folder);
        run->dir_fd = TAKE_FD(fd);
        return 0;
    }
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "%s has too many folders for VMs named '%s'",
                           machine->context->runtime_dir, machine->name);
}

/* ---- looking ---- */

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

/* A QEMU that an earlier maqet has started: its run file is in the folder. */
static int
look_for_earlier(const struct maqet_run_machine *machine, int64_t deadline,
                 struct maqet_run *run, struct maqet_error **err)
{
    _cleanup_close_ int fd =
        run->dir_fd < 0
            ? -1
            : openat(run->dir_fd, "run", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || maqet_run_claim_of_earlier(machine, run->folder) != MAQET_CLAIM_OURS)
        return 0;
    run->pid = maqet_run_holder(fd, &run->pidfd, deadline, err);
    if (run->pid <= 0)
        return run->pid;
    if (run->run_fd >= 0)
        close(run->run_fd);
    run->run_fd = TAKE_FD(fd);
    return 0;
}

static int
look(struct known *known, int64_t deadline, struct maqet_run *run,
     struct maqet_error **err)
{
    const struct maqet_run_machine *machine = &known->machine;

    run->run_fd = TAKE_FD(known->run_fd);
    if (run->run_fd >= 0)
        run->pid = maqet_run_holder(run->run_fd, &run->pidfd, deadline, err);
    if (run->pid < 0)
        return maqet_error_wrap(err, "VM '%s'", machine->name);
    run->dir_fd = find(known, run->pid > 0, &run->folder);
    if (run->pid == 0 && look_for_earlier(machine, deadline, run, err) < 0)
        return maqet_error_wrap(err, "VM '%s'", machine->name);
    run->lost = run->pid > 0 && !maqet_run_has_monitor(run);
    return 0;
}

static int
open_run_file(int vms_fd, const char *name)
{
    _cleanup_free_ char *file = maqet_format("%s/%s", name, MAQET_STORE_RUN);

    return openat(vms_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

int
maqet_run_look(const struct maqet_context *context, const char *name, int64_t deadline,
               struct maqet_run *run, struct maqet_error **err)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    if (vms_fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return maqet_error_errno(err, errno, "Cannot inspect VM '%s'", name);
    return maqet_run_look_at(context, vms_fd, name, deadline, run, err);
}

int
maqet_run_look_at(const struct maqet_context *context, int vms_fd, const char *name,
                  int64_t deadline, struct maqet_run *run, struct maqet_error **err)
{
    int run_fd = open_run_file(vms_fd, name);

    *run = (struct maqet_run)MAQET_RUN_INIT;
    if (vms_fd >= 0 && run_fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return maqet_error_errno(err, errno, "Cannot inspect VM '%s'", name);
    _cleanup_known_ struct known known = know(context, vms_fd, name, run_fd);
    return look(&known, deadline, run, err);
}

int
maqet_run_open(const struct maqet_context *context, const char *name,
               struct maqet_run *run, struct maqet_error **err)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);
    int run_fd = maqet_store_open_run(context, name, err);

    *run = (struct maqet_run)MAQET_RUN_INIT;
    if (run_fd < 0)
        return -1;
    _cleanup_known_ struct known known = know(context, vms_fd, name, run_fd);
    if (look(&known, maqet_now() + MAQET_RUN_FORK_TIMEOUT, run, err) < 0)
        return -1;
    if (run->pid > 0)
        return 0;
    _cleanup_close_ int lock = lock_choice(context, err);
    if (lock < 0)
        return -1;
    if (run->dir_fd >= 0 && maqet_run_claim_is_written(run->folder))
        return 0;
    if (run->dir_fd >= 0)
        close(TAKE_FD(run->dir_fd));
    return choose(&known.machine, run, err);
}

char *
maqet_run_folder(const struct maqet_context *context, const char *name)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);
    _cleanup_known_ struct known known =
        know(context, vms_fd, name, open_run_file(vms_fd, name));
    bool runs = known.run_fd >= 0 && maqet_lock_held(known.run_fd, NULL) == 1;
    char *path = NULL;
    _cleanup_close_ int fd = find(&known, runs, &path);

    return path;
}

int
maqet_run_note_folder(const struct maqet_context *context, const char *name,
                      const struct maqet_run *run, struct maqet_error **err)
{
    _cleanup_known_ struct known before = {
        .machine = maqet_run_machine_new(context, name, run->run_fd), .run_fd = -1};
    const struct maqet_file_id *id = &before.machine.run_file;
    _cleanup_free_ char *file = maqet_store_file(context, name, MAQET_STORE_RUN_FOLDER);
    _cleanup_free_ char *text =
        maqet_format("%s\n%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", run->folder, id->device,
                     id->inode, id->birth);

    _cleanup_close_ int vms_fd = maqet_store_open(context);
    read_note(&before, vms_fd);
    if (before.noted_folder && strcmp(before.noted_folder, run->folder) == 0 &&
        maqet_file_id_equal(id, &before.noted_file))
        return 0;
    return maqet_file_replace(file, text, strlen(text), 0600, err);
}

/* ---- words ---- */

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
