/* SPDX-License-Identifier: MIT */
#include "core/machine/checkpoint_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checksum.h"
#include "core/base/clock.h"
#include "core/base/file_dedupe.h"
#include "core/base/files.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/store.h"

enum { MODE_COMPLETE = 0400, MODE_OPEN = 0600 };

char *
maqet_memory_file_path(const struct maqet_context *context, const char *vm,
                       const char *name)
{
    _cleanup_free_ char *folder = maqet_store_file(context, vm, MAQET_STORE_CHECKPOINTS);

    return maqet_format("%s/%s" MAQET_MEMORY_SUFFIX, folder, name);
}

static char *
temporary_path(const struct maqet_context *context, const char *vm, const char *name)
{
    _cleanup_free_ char *folder = maqet_store_file(context, vm, MAQET_STORE_CHECKPOINTS);

    return maqet_format("%s/.%s" MAQET_MEMORY_SUFFIX ".new", folder, name);
}

int
maqet_memory_file_error_damaged(const char *vm, const char *name,
                                struct maqet_error **err)
{
    maqet_error_remark(err, "The guest's memory is lost");
    maqet_error_next(err, MAQET_NEXT_LOAD_DRIVES, vm, name, NULL);
    maqet_error_next(err, MAQET_NEXT_DELETE_CHECKPOINT, vm, name, NULL);
    return -1;
}

/* What changes if something writes to the file, or if it is replaced by another one. Not the
 * device's number, which a reboot may change. The caller frees. */
static char *
identity_of(const struct stat *status)
{
    return maqet_format("%ju:%jd:%jd.%09ld", (uintmax_t)status->st_ino,
                        (intmax_t)status->st_size, (intmax_t)status->st_mtim.tv_sec,
                        status->st_mtim.tv_nsec);
}

/* ---- reading ---- */

struct reading {
    const struct maqet_context *context;
    const char *path;
    int64_t begun;
};

static void
show_progress(void *data, uint64_t done, uint64_t total)
{
    const struct reading *reading = data;
    _cleanup_free_ char *what = maqet_format("Reading %s", reading->path);

    maqet_context_progress(reading->context, what, done, total, reading->begun);
}

/* The caller frees; NULL: an error. */
static char *
checksum_of(const struct maqet_context *context, int fd, const char *path,
            struct maqet_error **err)
{
    struct reading reading = {.context = context, .path = path, .begun = maqet_now()};
    char *checksum = maqet_fd_checksum_sparse(
        fd, path, context->progress ? show_progress : NULL, &reading, err);

    maqet_context_progress_end(context);
    return checksum;
}

/* ---- creating ---- */

static bool
is_before(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec != other->tv_sec ? one->tv_sec < other->tv_sec
                                        : one->tv_nsec < other->tv_nsec;
}

int
maqet_memory_file_create(const struct maqet_context *context, const char *vm,
                         const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *path = temporary_path(context, vm, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, MODE_OPEN);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot create %s", path) : fd;
}

/* That of the latest checkpoint before, if it is as long; -1: there is none. */
static int
open_previous(const struct maqet_context *context, const char *vm, off_t size)
{
    _cleanup_free_ char *folder = maqet_store_file(context, vm, MAQET_STORE_CHECKPOINTS);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct timespec latest = {0};
    int found = -1;

    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);
        struct stat status;

        if (*names.items[i] == '.' || !maqet_text_ends(path, MAQET_MEMORY_SUFFIX))
            continue;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_size != size ||
            is_before(&status.st_mtim, &latest))
            continue;
        latest = status.st_mtim;
        if (found >= 0)
            close(found);
        found = TAKE_FD(fd);
    }
    return found;
}

/* Most of the guest's memory is what it was at the checkpoint before. */
static void
share_with_previous(const struct maqet_context *context, const char *vm, int fd)
{
    struct stat status;
    _cleanup_close_ int previous =
        fstat(fd, &status) < 0 ? -1 : open_previous(context, vm, status.st_size);

    if (previous >= 0)
        maqet_file_dedupe(previous, fd);
}

int
maqet_memory_file_publish(const struct maqet_context *context, const char *vm,
                          const char *name, int fd, struct maqet_checkpoint *about,
                          struct maqet_error **err)
{
    _cleanup_free_ char *temporary = temporary_path(context, vm, name);
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);
    struct stat status;

    share_with_previous(context, vm, fd);
    if (fchmod(fd, MODE_COMPLETE) < 0 || fsync(fd) < 0 || fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", temporary);
    about->memory_checksum = checksum_of(context, fd, temporary, err);
    if (!about->memory_checksum)
        return -1;
    about->memory_identity = identity_of(&status);
    return rename(temporary, path) < 0
               ? maqet_error_errno(err, errno, "Cannot create %s", path)
               : 0;
}

int
maqet_memory_file_remove(const struct maqet_context *context, const char *vm,
                         const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *temporary = temporary_path(context, vm, name);
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);

    return maqet_file_remove(path, err) < 0 ? -1 : maqet_file_remove(temporary, err);
}

/* ---- whether it is what was written ---- */

/* Opens it if its length is right. Returns a descriptor, or -1. */
static int
open_complete(const char *path, const char *vm, const char *name,
              const struct maqet_checkpoint *about, struct stat *status,
              struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, status) < 0) {
        bool gone = errno == ENOENT;

        maqet_error_errno(err, errno, "Cannot read %s", path);
        return gone ? maqet_memory_file_error_damaged(vm, name, err) : -1;
    }
    if (S_ISREG(status->st_mode) && (uint64_t)status->st_size == about->memory)
        return TAKE_FD(fd);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged: it has %jd bytes instead of %" PRIu64, path,
                    (intmax_t)status->st_size, about->memory);
    return maqet_memory_file_error_damaged(vm, name, err);
}

static int
compare(const struct maqet_context *context, int fd, const char *path, const char *vm,
        const char *name, const struct maqet_checkpoint *about, struct maqet_error **err)
{
    _cleanup_free_ char *present = checksum_of(context, fd, path, err);

    if (!present)
        return -1;
    if (about->memory_checksum && strcmp(present, about->memory_checksum) == 0)
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_FAILED, "%s is damaged: its checksum is %s instead of %s", path,
        present, about->memory_checksum ? about->memory_checksum : "one that is known");
    return maqet_memory_file_error_damaged(vm, name, err);
}

int
maqet_memory_file_check(const struct maqet_context *context, const char *vm,
                        const char *name, struct maqet_checkpoint *about, bool *read,
                        struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);
    struct stat status;
    _cleanup_close_ int fd = open_complete(path, vm, name, about, &status, err);

    *read = false;
    if (fd < 0)
        return -1;
    _cleanup_free_ char *identity = identity_of(&status);
    if (about->memory_identity && strcmp(identity, about->memory_identity) == 0)
        return 0;
    *read = true;
    if (compare(context, fd, path, vm, name, about, err) < 0)
        return -1;
    free(about->memory_identity);
    about->memory_identity = TAKE_PTR(identity);
    return 0;
}

int
maqet_memory_file_verify(const struct maqet_context *context, const char *vm,
                         const char *name, const struct maqet_checkpoint *about,
                         struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);
    struct stat status;
    _cleanup_close_ int fd = open_complete(path, vm, name, about, &status, err);

    return fd < 0 ? -1 : compare(context, fd, path, vm, name, about, err);
}

int
maqet_memory_file_let_open(const struct maqet_context *context, const char *vm,
                           const char *name, bool open, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);

    return chmod(path, open ? MODE_OPEN : MODE_COMPLETE) < 0
               ? maqet_error_errno(err, errno, "Cannot change the mode of %s", path)
               : 0;
}

void
maqet_memory_file_settle(const struct maqet_context *context, const char *vm,
                         const char *name)
{
    _cleanup_free_ char *path = maqet_memory_file_path(context, vm, name);
    struct stat status;

    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & 07777) == MODE_OPEN)
        chmod(path, MODE_COMPLETE);
}
