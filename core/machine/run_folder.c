/* SPDX-License-Identifier: MIT */
#include "core/machine/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "core/base/clock.h"
#include "core/base/lock_holder.h"
#include "core/base/replacement.h"
#include "core/machine/run_owner.h"
#include "core/machine/store.h"
#include "core/storage/system_folders.h"

/* VMs of one name in one runtime folder, each in a data folder of its own. */
enum { SAME_NAMES = 1000 };

enum { PATH_LIMIT = 65536 /* bytes of a path */ };

/* ms to wait for another maqet that is choosing a folder. */
static const int64_t CHOICE_TIMEOUT = 10000;

/* ---- the machine ---- */

/* A machine, its run file, and what its last start has noted. */
struct machine {
    const struct maqet_context *context;
    const char *name;
    int run_fd; /* -1: it has no run file */
    bool has_run_file;
    struct maqet_file_id run_file;
    char *noted_folder;              /* NULL: nothing is noted */
    struct maqet_file_id noted_file; /* the run file that its QEMU has locked */
};

static void
machine_clear(struct machine *machine)
{
    if (machine->run_fd >= 0)
        close(machine->run_fd);
    free(machine->noted_folder);
}

#define _cleanup_machine_ _cleanup_(machine_clear)

/* Takes the descriptor of its run file (-1: it has none). */
static void
set_run_file(struct machine *machine, int run_fd)
{
    if (machine->run_fd >= 0)
        close(machine->run_fd);
    machine->run_fd = run_fd;
    machine->has_run_file =
        run_fd >= 0 && maqet_file_id_of_fd(run_fd, &machine->run_file);
}

/* @vms_fd: the folder of all machines. */
static void
read_note(struct machine *machine, int vms_fd)
{
    _cleanup_free_ char *file =
        maqet_format("%s/%s", machine->name, MAQET_STORE_RUN_FOLDER);
    _cleanup_free_ char *text = NULL;
    struct maqet_file_id id;

    if (maqet_file_read_at(vms_fd, file, PATH_LIMIT, &text, NULL, NULL) < 0)
        return;
    char *end = strchr(text, '\n');
    if (!end || sscanf(end, "\n%" SCNu64 " %" SCNu64 " %" SCNu64, &id.device, &id.inode,
                       &id.birth) != 3)
        return;
    *end = '\0';
    machine->noted_folder = TAKE_PTR(text);
    machine->noted_file = id;
}

/* If the data folder was moved to another file system, or restored, while the machine
 * ran, its run file is a copy, and the note identifies the original, which QEMU has
 * locked. A descriptor of it, or -1. The run file of a machine that was copied is still
 * in its folder, and does not belong to the copy. */
static int
open_predecessor(const struct machine *machine)
{
    return machine->noted_folder &&
                   !(machine->has_run_file &&
                     maqet_file_id_is_same_file(&machine->noted_file, &machine->run_file))
               ? maqet_run_open_deleted(&machine->noted_file)
               : -1;
}

/* Takes the descriptor of the run file in the data folder (-1: there is none). If QEMU
 * has another one locked, that one identifies the machine. */
static struct machine
machine_new(const struct maqet_context *context, int vms_fd, const char *name, int run_fd)
{
    struct machine machine = {.context = context, .name = name, .run_fd = -1};

    set_run_file(&machine, run_fd);
    read_note(&machine, vms_fd);
    if (run_fd >= 0 && maqet_lock_held(run_fd, NULL) != 0)
        return machine;
    int fd = open_predecessor(&machine);
    if (fd >= 0)
        set_run_file(&machine, fd);
    return machine;
}

/* ---- the owner of a run folder ---- */

enum claim {
    CLAIM_NONE, /* no owner, or a machine that no longer exists */
    CLAIM_OURS,
    CLAIM_OTHER, /* another machine, or one that may still run there */
};

/* The number of a device may change when the host boots, and a data folder may be moved,
 * but not both at once. */
static bool
is_owner(const struct machine *machine, const struct maqet_run_owner *owner)
{
    _cleanup_free_ char *ours =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_RUN);

    return machine->has_run_file &&
           maqet_file_id_is_same_file(&owner->id, &machine->run_file) &&
           (owner->id.device == machine->run_file.device ||
            (owner->run && strcmp(owner->run, ours) == 0));
}

static bool
has_file(const char *folder, const char *file)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, file);

    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether a QEMU runs in a folder, or crashed there; if not, nothing in it is needed. */
static bool
is_in_use(const char *folder)
{
    return has_file(folder, MAQET_RUN_PID) || has_file(folder, "pid") ||
           has_file(folder, MAQET_RUN_MONITOR);
}

/* Of a folder without the file, from an earlier maqet, which identified machines by their
 * names: the UUID of what was started there decides. */
static enum claim
claim_of_earlier(const struct machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);
    _cleanup_definition_ struct maqet_definition *theirs =
        access(path, F_OK) == 0 ? maqet_definition_load(path, machine->name, NULL) : NULL;
    _cleanup_definition_ struct maqet_definition *ours =
        theirs ? maqet_store_load(machine->context, machine->name, NULL) : NULL;

    if (!theirs)
        return CLAIM_NONE;
    if (ours && strcmp(ours->uuid, theirs->uuid) == 0)
        return CLAIM_OURS;
    return is_in_use(folder) ? CLAIM_OTHER : CLAIM_NONE;
}

/* Of a folder that exists. */
static enum claim
claim_of(const struct machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_RUN_OWNER, folder);
    bool missing = maqet_file_missing(path);
    _cleanup_run_owner_ struct maqet_run_owner owner = {0};

    if (missing)
        return claim_of_earlier(machine, folder);
    bool known = maqet_run_owner_read(folder, &owner) == 0;
    if (known && is_owner(machine, &owner))
        return CLAIM_OURS;
    /* A file that cannot be read at the moment does not make the folder ours. */
    return is_in_use(folder) || (known && maqet_run_owner_exists(&owner)) ? CLAIM_OTHER
                                                                          : CLAIM_NONE;
}

static int
write_claim(const struct machine *machine, const char *folder, struct maqet_error **err)
{
    _cleanup_free_ char *link = maqet_format("%s/run", folder);
    _cleanup_free_ char *run =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_RUN);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(machine->context, machine->name, NULL);
    const struct maqet_run_owner owner = {.run = run,
                                          .uuid = definition ? definition->uuid : NULL,
                                          .id = machine->run_file};

    /* For people and scripts, which find the PID there. */
    unlink(link);
    if (symlink(run, link) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", link);
    return maqet_run_owner_write(folder, &owner, err);
}

/* ---- finding the folder ---- */

/* RUNTIME/NAME, RUNTIME/NAME@2: no machine's name has that character. */
static char *
candidate(const struct machine *machine, int number)
{
    const char *above = machine->context->runtime_dir;

    return number == 1 ? maqet_format("%s/%s", above, machine->name)
                       : maqet_format("%s/%s@%d", above, machine->name, number);
}

/* The claim on a folder, which may be missing. *fd gets a descriptor of one that is ours,
 * and that nobody else can change; else -1. */
static enum claim
open_claimed(const struct machine *machine, const char *folder, int *fd)
{
    _cleanup_close_ int opened =
        open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    *fd = -1;
    if (opened < 0 && (errno == ENOENT || access(folder, F_OK) < 0))
        return CLAIM_NONE;
    enum claim claim = claim_of(machine, folder);
    if (claim != CLAIM_OURS)
        return claim;
    if (opened < 0 || fstat(opened, &status) < 0 || status.st_uid != geteuid() ||
        status.st_mode & (S_IWGRP | S_IWOTH))
        return CLAIM_OTHER;
    *fd = TAKE_FD(opened);
    return claim;
}

/* Finds the folder: if the machine runs, the one that its start has noted, wherever it
 * is; if not, its own in the runtime folder. If there is none, *path is the one that it
 * has lost, or would get. Returns the folder's descriptor, or -1. */
static int
find_folder(const struct machine *machine, bool runs, char **path)
{
    const char *noted = machine->noted_folder;
    int fd = -1;

    if (noted && (runs || maqet_path_is_within(noted, machine->context->runtime_dir)))
        open_claimed(machine, noted, &fd);
    if (fd >= 0 || (noted && runs)) {
        *path = maqet_strdup(noted);
        return fd;
    }
    for (int i = 1; i < SAME_NAMES; i++) {
        _cleanup_free_ char *folder = candidate(machine, i);

        if (open_claimed(machine, folder, &fd) == CLAIM_OTHER)
            continue;
        *path = TAKE_PTR(folder);
        return fd;
    }
    *path = candidate(machine, SAME_NAMES);
    return -1;
}

/* ---- choosing one ---- */

static int
error_locked(const struct maqet_context *context, int fd, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_TIMEOUT, "Another program has %s locked",
                    context->runtime_dir);
    return maqet_lock_hint(fd, err);
}

/* The runtime folder, created if it is missing, with the lock under which folders in it
 * are chosen. The folder itself is locked, which leaves no file behind. A descriptor, or
 * -1. */
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
            return error_locked(context, fd, err);
        maqet_sleep(2);
    }
    return TAKE_FD(fd);
}

/* Makes the first folder ours that has no owner, or that an earlier maqet has left of
 * this machine. The lock is held. */
static int
choose_folder(const struct machine *machine, struct maqet_run *run,
              struct maqet_error **err)
{
    for (int i = 1; i < SAME_NAMES; i++) {
        _cleanup_free_ char *folder = candidate(machine, i);
        _cleanup_close_ int fd = maqet_dir_open_own(folder, O_NOFOLLOW, err);

        if (fd < 0)
            return -1;
        if (claim_of(machine, folder) == CLAIM_OTHER)
            continue;
        if (write_claim(machine, folder, err) < 0)
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

/* A QEMU that an earlier maqet has started: its run file is in the folder. */
static int
look_for_earlier(const struct machine *machine, int64_t deadline, struct maqet_run *run,
                 struct maqet_error **err)
{
    _cleanup_close_ int fd =
        run->dir_fd < 0
            ? -1
            : openat(run->dir_fd, "run", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || claim_of_earlier(machine, run->folder) != CLAIM_OURS)
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
look(struct machine *machine, int64_t deadline, struct maqet_run *run,
     struct maqet_error **err)
{
    run->run_fd = TAKE_FD(machine->run_fd);
    if (run->run_fd >= 0)
        run->pid = maqet_run_holder(run->run_fd, &run->pidfd, deadline, err);
    if (run->pid < 0)
        return maqet_error_wrap(err, "VM '%s'", machine->name);
    run->dir_fd = find_folder(machine, run->pid > 0, &run->folder);
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
maqet_run_look(const struct maqet_context *context, int vms_fd, const char *name,
               int64_t deadline, struct maqet_run *run, struct maqet_error **err)
{
    int run_fd = open_run_file(vms_fd, name);

    *run = (struct maqet_run)MAQET_RUN_INIT;
    if (vms_fd >= 0 && run_fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return maqet_error_errno(err, errno, "Cannot inspect VM '%s'", name);
    _cleanup_machine_ struct machine machine = machine_new(context, vms_fd, name, run_fd);
    return look(&machine, deadline, run, err);
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
    _cleanup_machine_ struct machine machine = machine_new(context, vms_fd, name, run_fd);
    if (look(&machine, maqet_now() + MAQET_RUN_FORK_TIMEOUT, run, err) < 0)
        return -1;
    if (run->pid > 0)
        return 0;
    _cleanup_close_ int lock = lock_choice(context, err);
    if (lock < 0)
        return -1;
    if (run->dir_fd >= 0 && has_file(run->folder, MAQET_RUN_OWNER))
        return 0;
    if (run->dir_fd >= 0)
        close(TAKE_FD(run->dir_fd));
    return choose_folder(&machine, run, err);
}

char *
maqet_run_folder(const struct maqet_context *context, const char *name)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);
    _cleanup_machine_ struct machine machine =
        machine_new(context, vms_fd, name, open_run_file(vms_fd, name));
    bool runs = machine.run_fd >= 0 && maqet_lock_held(machine.run_fd, NULL) == 1;
    char *path = NULL;
    _cleanup_close_ int fd = find_folder(&machine, runs, &path);

    return path;
}

int
maqet_run_note_folder(const struct maqet_context *context, const char *name,
                      const struct maqet_run *run, struct maqet_error **err)
{
    _cleanup_machine_ struct machine before = {.name = name, .run_fd = -1};
    _cleanup_free_ char *file = maqet_store_file(context, name, MAQET_STORE_RUN_FOLDER);
    _cleanup_close_ int vms_fd = maqet_store_open(context);
    struct maqet_file_id id = {0};

    maqet_file_id_of_fd(run->run_fd, &id);
    read_note(&before, vms_fd);
    if (before.noted_folder && strcmp(before.noted_folder, run->folder) == 0 &&
        maqet_file_id_equal(&id, &before.noted_file))
        return 0;
    _cleanup_free_ char *text = maqet_format("%s\n%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                                             run->folder, id.device, id.inode, id.birth);
    return maqet_file_replace(file, text, strlen(text), 0600, err);
}

int
maqet_run_remove_abandoned(const struct maqet_context *context, const char *folder,
                           struct maqet_error **err)
{
    _cleanup_close_ int lock = lock_choice(context, err);

    if (lock < 0)
        return -1;
    /* Meanwhile, a machine of that name may have claimed it. */
    if (!maqet_run_is_abandoned(folder))
        return 0;
    _cleanup_close_ int fd = maqet_dir_open_own(folder, O_NOFOLLOW, err);
    if (fd < 0)
        return -1;
    return maqet_run_remove(folder, fd)
               ? 0
               : maqet_error_errno(err, errno, "%s is kept", folder);
}
