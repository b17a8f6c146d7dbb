/* SPDX-License-Identifier: MIT */
#include "core/machine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/field.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/base/replacement.h"
#include "core/machine/definition.h"
#include "core/machine/helpers.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"

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

/* ---- whose a run folder is ---- */

/* The file that tells whose a folder is. */
static const char OWNER[] = "owner";

struct owner {
    char *run;  /* the path of the machine's run file */
    char *uuid; /* for people */
    struct maqet_file_id id;
};

static const struct maqet_fields owner_fields = MAQET_FIELDS_OF(
    struct owner, {"run", MAQET_FIELD(struct owner, run), .optional = true},
    {"uuid", MAQET_FIELD(struct owner, uuid), .optional = true, .sparse = true},
    {"device", MAQET_FIELD(struct owner, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct owner, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct owner, id.birth), .optional = true});

static void
owner_clear(struct owner *owner)
{
    maqet_fields_clear(&owner_fields, owner);
}

#define _cleanup_owner_ _cleanup_(owner_clear)

struct maqet_run_machine
maqet_run_machine_new(const struct maqet_context *context, const char *name, int run_fd)
{
    struct maqet_run_machine machine = {.context = context, .name = name};

    machine.has_run_file = run_fd >= 0 && maqet_file_id_of_fd(run_fd, &machine.run_file);
    return machine;
}

/* Whether the machine that owns a folder is still in its data folder. What can't be
 * looked at counts as there. */
static bool
owner_exists(const struct owner *owner)
{
    struct maqet_file_id there;

    if (!owner->run)
        return false;
    if (!maqet_file_id_of_path(owner->run, &there))
        return errno != ENOENT && errno != ENOTDIR;
    return maqet_file_id_is_same_file(&there, &owner->id);
}

/* Whether it is ours. The number of a device may change when the host boots, and a data
 * folder may be moved; not both at once. */
static bool
is_of(const struct maqet_run_machine *machine, const struct owner *owner)
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

/* Whether a QEMU runs in a folder, or did and crashed: else nothing in it is missed. */
static bool
is_in_use(const char *folder)
{
    return has_file(folder, MAQET_RUN_PID) || has_file(folder, "pid") ||
           has_file(folder, MAQET_RUN_MONITOR);
}

enum maqet_claim
maqet_run_claim_of_earlier(const struct maqet_run_machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);
    _cleanup_definition_ struct maqet_definition *theirs =
        access(path, F_OK) == 0 ? maqet_definition_load(path, machine->name, NULL) : NULL;
    _cleanup_definition_ struct maqet_definition *ours =
        theirs ? maqet_store_load(machine->context, machine->name, NULL) : NULL;

    if (!theirs)
        return MAQET_CLAIM_NONE;
    if (ours && strcmp(ours->uuid, theirs->uuid) == 0)
        return MAQET_CLAIM_OURS;
    return is_in_use(folder) ? MAQET_CLAIM_OTHER : MAQET_CLAIM_NONE;
}

enum maqet_claim
maqet_run_claim(const struct maqet_run_machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, OWNER);
    bool missing = maqet_file_missing(path);
    _cleanup_json_ json_object *file = missing ? NULL : maqet_json_read(path, NULL);
    _cleanup_owner_ struct owner owner = {0};

    if (missing)
        return maqet_run_claim_of_earlier(machine, folder);
    bool known = file && maqet_fields_from_json(&owner_fields, file, &owner, NULL) == 0;
    if (known && is_of(machine, &owner))
        return MAQET_CLAIM_OURS;
    /* That it can't be read just now makes nobody else's folder ours. */
    return is_in_use(folder) || (known && owner_exists(&owner)) ? MAQET_CLAIM_OTHER
                                                                : MAQET_CLAIM_NONE;
}

int
maqet_run_claim_write(const struct maqet_run_machine *machine, const char *folder,
                      struct maqet_error **err)
{
    _cleanup_free_ char *file = maqet_format("%s/%s", folder, OWNER);
    _cleanup_free_ char *link = maqet_format("%s/run", folder);
    _cleanup_free_ char *run =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_RUN);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(machine->context, machine->name, NULL);
    const struct owner owner = {.run = run,
                                .uuid = definition ? definition->uuid : NULL,
                                .id = machine->run_file};
    _cleanup_json_ json_object *text = maqet_fields_to_json(&owner_fields, &owner);

    /* For people and scripts, which find the PID there. */
    unlink(link);
    if (symlink(run, link) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", link);
    return maqet_json_write(file, text, err);
}

bool
maqet_run_claim_is_written(const char *folder)
{
    return has_file(folder, OWNER);
}

/* ---- what is in it ---- */

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
