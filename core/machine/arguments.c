/* SPDX-License-Identifier: MIT */
#include "core/machine/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/replacement.h"
#include "core/machine/holders.h"
#include "core/machine/sandbox_rules.h"
#include "core/qemu/arguments.h"
#include "core/qemu/argument_check.h"
#include "core/qemu/keyval.h"
#include "core/qemu/surroundings.h"
#include "core/storage/system_folders.h"

/* The bytes that QEMU locks, shared, while it has a permission of its block layer (100 +
 * its number), and while it denies it to others (200 + its number): RAW_LOCK_PERM_BASE
 * and RAW_LOCK_SHARED_BASE in block/file-posix.c, with the permissions of block-common.h.
 * maqet's own byte is beyond these. */
enum {
    USES_READ = 100,
    USES_WRITE,
    KEEPS_WRITE = 201,
    KEEPS_RESIZE = 203,
    OUR_BYTE = 300
};

/* ---- the files that they make QEMU write to ---- */

static struct maqet_written_files
files_of(const struct maqet_vm *vm)
{
    struct maqet_written_files files = {0};

    maqet_arguments_written(maqet_vm_arguments(vm),
                            maqet_tree_place(vm->definition->tree).folder, &files);
    return files;
}

static bool
is_output(const struct maqet_written *file)
{
    return file->kind == MAQET_WRITTEN_OUTPUT || file->kind == MAQET_WRITTEN_APPENDED;
}

/* Whether the path is that of something that can be locked: not a terminal or a pipe. A
 * file that QEMU would create may be missing. */
static bool
is_lockable(const struct maqet_written *file)
{
    struct stat status;

    if (stat(file->path, &status) < 0)
        return errno == ENOENT && file->kind != MAQET_WRITTEN_IMAGE &&
               file->kind != MAQET_WRITTEN_FOLDER;
    return file->kind == MAQET_WRITTEN_FOLDER
               ? S_ISDIR(status.st_mode)
               : S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
}

/* Of files that do not exist, the paths decide. */
static bool
is_same(const char *one, const char *other)
{
    return strcmp(one, other) == 0 || maqet_file_is_same(one, other);
}

/* ---- whether the machine may have them ---- */

/* The guest must not write to a system folder through a folder of its arguments. */
static int
check_folder(const struct maqet_vm *vm, const struct maqet_written *file,
             struct maqet_error **err)
{
    const char *folder = maqet_system_folder(file->path);

    if (!folder)
        return 0;
    maqet_place_error(file->place, err, MAQET_ERROR_PERMISSION,
                      "-%s of VM '%s': the guest could write to %s, a system folder "
                      "of the host, through %s; this is refused",
                      file->option, vm->definition->name, folder, file->path);
    maqet_error_hint(err, "Say readonly=on, or share another folder");
    maqet_error_hint(err, "If the guest is meant to write there, make it a share in "
                          "`storage` with `allow_system: on`");
    return -1;
}

static int
check_folders(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *base = maqet_tree_place(vm->definition->tree).folder;
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(maqet_vm_arguments(vm));
    _cleanup_written_files_ struct maqet_written_files files = files_of(vm);
    struct maqet_error *error = NULL; /* of one folder */
    bool wrong = false;

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        _cleanup_free_ char *written = maqet_keyval_get(argument->value, NULL, "path");

        if (!maqet_qemu_option_is_like(argument->known, "fsdev") || !written ||
            maqet_keyval_is_on(argument->value, "readonly"))
            continue;
        _cleanup_free_ char *path = maqet_qemu_path(written, base);
        const struct maqet_written share = {
            .path = path, .option = argument->name, .place = argument->place};
        check_folder(vm, &share, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == MAQET_WRITTEN_FOLDER)
            check_folder(vm, &files.items[i], &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

static int
error_twice(const struct maqet_vm *vm, const struct maqet_written *file,
            const char *other, struct maqet_error **err)
{
    return maqet_place_invalid(file->place, err,
                               "-%s of VM '%s' writes to %s, which %s uses, too",
                               file->option, vm->definition->name, file->path, other);
}

/* Whether a drive uses the file, as its image or otherwise. */
static int
check_drive(const struct maqet_vm *vm, const struct maqet_written *file,
            const struct maqet_drive *drive, struct maqet_error **err)
{
    /* A folder may be shared in two ways. */
    if (file->kind == MAQET_WRITTEN_FOLDER)
        return 0;
    for (size_t i = 0; i < drive->chain.count; i++) {
        const char *used = drive->chain.nodes[i].file;

        if (!used || !is_same(used, file->path))
            continue;
        _cleanup_free_ char *text = maqet_format("the drive '%s'", drive->name);
        return error_twice(vm, file, text, err);
    }
    return 0;
}

/* Whether another argument, before number @index, or a drive uses that file, too. */
static int
check_file(const struct maqet_vm *vm, const struct maqet_written_files *files,
           size_t index, struct maqet_error **err)
{
    const struct maqet_written *file = &files->items[index];

    if (!is_lockable(file) && access(file->path, F_OK) == 0)
        return 0;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (check_drive(vm, file, vm->drives[i], err) < 0)
            return -1;
    for (size_t i = 0; i < index; i++) {
        const struct maqet_written *other = &files->items[i];

        if ((is_output(file) && is_output(other)) || !is_same(file->path, other->path))
            continue;
        _cleanup_free_ char *place = maqet_place_text(other->place);
        _cleanup_free_ char *text =
            maqet_format("-%s (%s)", other->option, *place ? place : "above");
        return error_twice(vm, file, text, err);
    }
    return 0;
}

static int
check_files(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_written_files_ struct maqet_written_files files = files_of(vm);
    struct maqet_error *error = NULL; /* of one file */
    bool wrong = false;

    for (size_t i = 0; i < files.count; i++) {
        check_file(vm, &files, i, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

static struct maqet_qemu_manner
manner_of(const struct maqet_vm *vm, bool detached)
{
    return (struct maqet_qemu_manner){.sandboxed = maqet_sandbox_denies_programs(vm),
                                      .detached = detached};
}

int
maqet_vm_arguments_check(const struct maqet_vm *vm, bool detached,
                         struct maqet_error **err)
{
    const struct maqet_qemu_manner manner = manner_of(vm, detached);

    struct maqet_error *error = NULL;
    bool wrong = maqet_arguments_check_allowed(maqet_vm_arguments(vm), &manner, err) < 0;

    check_folders(vm, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    check_files(vm, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

void
maqet_vm_arguments_warn(const struct maqet_vm *vm, bool detached)
{
    const struct maqet_qemu_manner manner = manner_of(vm, detached);

    maqet_arguments_warn(maqet_vm_arguments(vm), &manner, vm->context);
}

/* ---- whether another program uses these files ---- */

static struct flock
lock_of(short type, off_t byte)
{
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static bool
is_locked_at(int fd, off_t byte)
{
    struct flock lock = lock_of(F_WRLCK, byte);

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Whether a QEMU, or a qemu-img, writes to the image, or denies that to others. */
static bool
is_used_by_qemu(int fd)
{
    return is_locked_at(fd, USES_WRITE) || is_locked_at(fd, KEEPS_WRITE);
}

static int
lock_at(int fd, short type, off_t byte)
{
    const struct flock lock = lock_of(type, byte);

    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Locks a file that QEMU does not lock as QEMU locks an image. */
static int
lock_for_qemu(int fd)
{
    return lock_at(fd, F_RDLCK, USES_READ) < 0 || lock_at(fd, F_RDLCK, USES_WRITE) < 0 ||
                   lock_at(fd, F_RDLCK, KEEPS_WRITE) < 0
               ? -1
               : lock_at(fd, F_RDLCK, KEEPS_RESIZE);
}

/* 1: locked, 0: another program has it, -1: errno. */
static int
lock_file(int fd, enum maqet_written_kind kind)
{
    int result =
        kind == MAQET_WRITTEN_FOLDER
            ? flock(fd, LOCK_EX | LOCK_NB)
            : lock_at(fd, kind == MAQET_WRITTEN_APPENDED ? F_RDLCK : F_WRLCK, OUR_BYTE);

    if (result == 0 && kind == MAQET_WRITTEN_UNLOCKED)
        result = lock_for_qemu(fd);
    if (result < 0)
        return errno == EAGAIN || errno == EACCES ? 0 : -1;
    return kind == MAQET_WRITTEN_FOLDER || !is_used_by_qemu(fd);
}

static int
open_file(const struct maqet_written *file, struct maqet_strings *made)
{
    int fd;

    if (file->kind == MAQET_WRITTEN_FOLDER)
        return open(file->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = open(file->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !made)
        return fd;
    fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd >= 0)
        maqet_strings_add(made, file->path);
    return fd;
}

static int
error_busy(const struct maqet_vm *vm, const struct maqet_written *file,
           struct maqet_error **err)
{
    _cleanup_free_ char *place = maqet_place_text(file->place);
    _cleanup_free_ char *what =
        maqet_format("%s%s-%s writes to %s, which", place, *place ? ": " : "",
                     file->option, file->path);

    maqet_holders_error(vm, what, file->path, err);
    if (!is_output(file))
        maqet_error_hint(err, "Or give VM '%s' its own copy", vm->definition->name);
    return -1;
}

/* Whether only the machine's own QEMU has a file locked. */
static bool
is_our_own(const struct maqet_vm *vm, const char *path)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};
    bool own = false, others = false;

    maqet_holders_find(vm->context, path, &users, NULL);
    for (size_t i = 0; i < users.count; i++) {
        const struct maqet_file_user *user = &users.items[i];
        bool ours = user->vm && strcmp(user->vm, vm->definition->name) == 0;

        own = own || (user->locked && ours);
        others = others || (user->locked && !ours);
    }
    return own && !others;
}

static int
lock_one(const struct maqet_vm *vm, const struct maqet_written *file,
         struct maqet_argument_locks *locks, struct maqet_error **err)
{
    for (;;) {
        _cleanup_close_ int fd = open_file(file, &locks->made);
        int result = fd < 0 ? -1 : lock_file(fd, file->kind);

        /* QEMU cannot write to it either, and reports that. */
        if (fd < 0)
            return 0;
        if (result == 0)
            return error_busy(vm, file, err);
        if (result < 0) {
            maqet_context_say(vm->context, MAQET_LEVEL_WARNING,
                              "VM '%s': %s cannot be locked (%s): make sure that no "
                              "other VM uses it",
                              vm->definition->name, file->path, strerror(errno));
            return 0;
        }
        if (!maqet_fd_is_at(fd, file->path))
            continue;
        *MAQET_APPEND(locks->fds, locks->count) = TAKE_FD(fd);
        return 0;
    }
}

/* Several outputs of one machine may go to one file. */
static bool
is_repeated(const struct maqet_written_files *files, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_same(files->items[i].path, files->items[index].path))
            return true;
    return false;
}

int
maqet_argument_files_lock(const struct maqet_vm *vm, struct maqet_argument_locks *locks,
                          struct maqet_error **err)
{
    _cleanup_written_files_ struct maqet_written_files files = files_of(vm);

    for (size_t i = 0; i < files.count; i++)
        if (is_lockable(&files.items[i]) && !is_repeated(&files, i) &&
            lock_one(vm, &files.items[i], locks, err) < 0) {
            maqet_argument_locks_undo(locks);
            return -1;
        }
    return 0;
}

int
maqet_argument_files_check_free(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_written_files_ struct maqet_written_files files = files_of(vm);

    for (size_t i = 0; i < files.count; i++) {
        const struct maqet_written *file = &files.items[i];
        _cleanup_close_ int fd = is_lockable(file) ? open_file(file, NULL) : -1;

        if (fd >= 0 && !is_repeated(&files, i) && lock_file(fd, file->kind) == 0 &&
            !is_our_own(vm, file->path))
            return error_busy(vm, file, err);
    }
    return 0;
}

void
maqet_argument_locks_release(struct maqet_argument_locks *locks)
{
    for (size_t i = 0; i < locks->count; i++)
        close(locks->fds[i]);
    locks->count = 0;
}

void
maqet_argument_locks_clear(struct maqet_argument_locks *locks)
{
    maqet_argument_locks_release(locks);
    free(locks->fds);
    maqet_strings_clear(&locks->made);
    *locks = (struct maqet_argument_locks){0};
}

void
maqet_argument_locks_undo(struct maqet_argument_locks *locks)
{
    for (size_t i = 0; i < locks->made.count; i++)
        maqet_file_remove_empty(locks->made.items[i]);
    maqet_strings_clear(&locks->made);
}
