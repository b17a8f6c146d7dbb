/* SPDX-License-Identifier: MIT */
#include "core/machine/argument_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/machine/holders.h"
#include "core/qemu/written.h"

/*
 * The bytes that QEMU locks, shared, while it has a permission of its block layer (BASE +
 * its number), and while it lets nobody else have it (BASE + 100 + its number): QEMU's
 * RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE in block/file-posix.c, and the permissions
 * of block-common.h. After these comes maqet's own.
 */
enum {
    USES_READ = 100,
    USES_WRITE = 101,
    KEEPS_WRITE = 201,
    KEEPS_RESIZE = 203,
    MAQET_BYTE = 300
};

static void
collect(const struct maqet_vm *vm, struct maqet_written_files *files)
{
    maqet_arguments_written(maqet_vm_arguments(vm),
                            maqet_tree_place(vm->definition->tree).folder, files);
}

static bool
is_output(const struct maqet_written *file)
{
    return file->kind == MAQET_WRITTEN_OUTPUT || file->kind == MAQET_WRITTEN_APPENDED;
}

/* Whether the path leads to what can be locked: not to a terminal or a pipe. A file that
 * QEMU would make may be missing. */
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

static bool
is_same(const char *one, const char *other)
{
    struct stat a, b;

    if (stat(one, &a) < 0 || stat(other, &b) < 0)
        return strcmp(one, other) == 0;
    if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
        return a.st_rdev == b.st_rdev;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ---- one machine ---- */

static int
error_twice(const struct maqet_vm *vm, const struct maqet_written *file,
            const char *other, struct maqet_error **err)
{
    return maqet_place_error(file->place, err, MAQET_ERROR_INVALID,
                             "-%s of VM '%s' writes to %s, which %s uses, too",
                             file->option, vm->definition->name, file->path, other);
}

/* Whether a drive has it: as its image, or as another file that it needs. */
static int
check_drive(const struct maqet_vm *vm, const struct maqet_written *file,
            const struct maqet_drive *drive, struct maqet_error **err)
{
    bool used = false;

    for (size_t i = 0; !used && i < drive->chain.count; i++)
        used =
            drive->chain.nodes[i].file && is_same(drive->chain.nodes[i].file, file->path);
    /* A folder may be shared in two ways. */
    if (!used || file->kind == MAQET_WRITTEN_FOLDER)
        return 0;
    _cleanup_free_ char *text = maqet_format("the drive '%s'", drive->name);
    return error_twice(vm, file, text, err);
}

int
maqet_argument_files_check(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_written_files_ struct maqet_written_files files = {0};

    collect(vm, &files);
    for (size_t i = 0; i < files.count; i++) {
        const struct maqet_written *file = &files.items[i];

        if (!is_lockable(file) && access(file->path, F_OK) == 0)
            continue;
        for (size_t j = 0; j < vm->drive_count; j++)
            if (check_drive(vm, file, vm->drives[j], err) < 0)
                return -1;
        for (size_t j = 0; j < i; j++) {
            const struct maqet_written *other = &files.items[j];

            if ((is_output(file) && is_output(other)) ||
                !is_same(file->path, other->path))
                continue;
            _cleanup_free_ char *place = maqet_place_text(other->place);
            _cleanup_free_ char *text =
                maqet_format("-%s (%s)", other->option, *place ? place : "above");
            return error_twice(vm, file, text, err);
        }
    }
    return 0;
}

/* ---- and others ---- */

static bool
is_locked_at(int fd, off_t byte)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Whether a QEMU, or a qemu-img, writes to the image, or lets nobody do so. */
static bool
is_used_by_qemu(int fd)
{
    return is_locked_at(fd, USES_WRITE) || is_locked_at(fd, KEEPS_WRITE);
}

static int
lock_at(int fd, short type, off_t byte)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Locks a file of which QEMU has no locks, as QEMU locks a disk's image. */
static int
lock_for_qemu(int fd)
{
    static const off_t bytes[] = {USES_READ, USES_WRITE, KEEPS_WRITE, KEEPS_RESIZE};

    for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
        if (lock_at(fd, F_RDLCK, bytes[i]) < 0)
            return -1;
    return 0;
}

/* 1: locked, 0: somebody else has it, -1: errno. */
static int
lock_file(int fd, enum maqet_written_kind kind)
{
    int result =
        kind == MAQET_WRITTEN_FOLDER
            ? flock(fd, LOCK_EX | LOCK_NB)
            : lock_at(fd, kind == MAQET_WRITTEN_APPENDED ? F_RDLCK : F_WRLCK, MAQET_BYTE);

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

/* Whether the path is still that of the file that was opened: it may have been replaced
 * meanwhile, as by an editor. */
static bool
is_at_path(int fd, const char *path)
{
    struct stat opened, there;

    return fstat(fd, &opened) == 0 && stat(path, &there) == 0 &&
           opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
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

/* Whether it is the machine's own QEMU that has a file locked, and nobody else. */
static bool
is_our_own(const struct maqet_vm *vm, const char *path)
{
    struct maqet_file_user *list = NULL;
    size_t count = 0;
    bool own = false, others = false;

    maqet_holders_find(vm->context, path, &list, &count, NULL);
    for (size_t i = 0; i < count; i++) {
        bool ours = list[i].vm && strcmp(list[i].vm, vm->definition->name) == 0;

        own = own || (list[i].locked && ours);
        others = others || (list[i].locked && !ours);
    }
    maqet_file_users_free(list, count);
    return own && !others;
}

static void
keep(struct maqet_argument_locks *locks, int fd)
{
    locks->fds = maqet_realloc(locks->fds, (locks->count + 1) * sizeof(*locks->fds));
    locks->fds[locks->count++] = fd;
}

static int
lock_one(const struct maqet_vm *vm, const struct maqet_written *file,
         struct maqet_argument_locks *locks, struct maqet_error **err)
{
    for (;;) {
        _cleanup_close_ int fd = open_file(file, &locks->made);
        int result = fd < 0 ? -1 : lock_file(fd, file->kind);

        /* What can't be opened for writing, QEMU can't write to either: it has the words
         * for that. */
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
        if (!is_at_path(fd, file->path))
            continue;
        keep(locks, TAKE_FD(fd));
        return 0;
    }
}

/* Two outputs of one machine may go to one file. */
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
    _cleanup_written_files_ struct maqet_written_files files = {0};

    collect(vm, &files);
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
    _cleanup_written_files_ struct maqet_written_files files = {0};

    collect(vm, &files);
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
    *locks = (struct maqet_argument_locks)MAQET_ARGUMENT_LOCKS_INIT;
}

void
maqet_argument_locks_undo(struct maqet_argument_locks *locks)
{
    for (size_t i = 0; i < locks->made.count; i++)
        maqet_file_remove_empty(locks->made.items[i]);
    maqet_strings_clear(&locks->made);
}
