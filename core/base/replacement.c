/* SPDX-License-Identifier: MIT */
#include "core/base/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/durable.h"
#include "core/base/files.h"

enum { RANDOM_LENGTH = 6 /* mkostemp(3) */ };

/* ---- writing ---- */

/* A temporary file is locked until it is renamed, so that one whose writer has died can be
 * recognised; without locks of the file system, none is ever swept. If it was swept before
 * it was locked, another one is created. */
static int
make_temporary(char *pattern)
{
    for (;;) {
        int fd = mkostemp(pattern, O_CLOEXEC);
        struct stat status;

        if (fd < 0 || (maqet_lock_try(fd, NULL) != 0 && fstat(fd, &status) == 0 &&
                       status.st_nlink > 0))
            return fd;
        close(fd);
        memset(pattern + strlen(pattern) - RANDOM_LENGTH, 'X', RANDOM_LENGTH);
    }
}

int
maqet_replacement_begin(const char *path, struct maqet_replacement *replacement,
                        struct maqet_error **err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *folder =
        slash ? maqet_strndup(path, (size_t)(name - path)) : maqet_strdup("./");
    char *temporary = maqet_format("%s.%s" MAQET_FILE_TEMPORARY "XXXXXX", folder, name);
    int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : make_temporary(temporary);
    int number = errno;

    if (fd < 0)
        free(TAKE_PTR(temporary));
    *replacement = (struct maqet_replacement){.path = maqet_strdup(path),
                                              .folder = folder,
                                              .temporary = temporary,
                                              .dir_fd = dir_fd,
                                              .fd = fd};
    return fd < 0 ? maqet_error_errno(err, number, "Cannot write %s", path) : 0;
}

/* What replaces a file is on the disk before: after a power failure there is the one or the other. */
static int
sync_content(const struct maqet_replacement *replacement)
{
    return maqet_durable_is_postponed() && !maqet_file_missing(replacement->path)
               ? fsync(replacement->fd)
               : maqet_durable_sync(replacement->fd, replacement->path);
}

static int
fill(const struct maqet_replacement *replacement, const char *data, size_t length,
     mode_t mode)
{
    return fchmod(replacement->fd, mode) < 0 ||
                   maqet_fd_write(replacement->fd, data, length) < 0
               ? -1
               : 0;
}

static int
error_writing(const struct maqet_replacement *replacement, struct maqet_error **err)
{
    return maqet_error_errno(err, errno, "Cannot write %s", replacement->path);
}

int
maqet_replacement_write(struct maqet_replacement *replacement, const char *data,
                        size_t length, mode_t mode, struct maqet_error **err)
{
    return fill(replacement, data, length, mode) < 0 ||
                   maqet_durable_sync(replacement->fd, replacement->temporary) < 0
               ? error_writing(replacement, err)
               : 0;
}

int
maqet_replacement_rename(struct maqet_replacement *replacement, struct maqet_error **err)
{
    if (rename(replacement->temporary, replacement->path) < 0)
        return error_writing(replacement, err);
    free(TAKE_PTR(replacement->temporary));
    return maqet_dir_sync(replacement->dir_fd, replacement->folder, err);
}

int
maqet_replacement_finish(struct maqet_replacement *replacement, const char *data,
                         size_t length, mode_t mode, struct maqet_error **err)
{
    return fill(replacement, data, length, mode) < 0 || sync_content(replacement) < 0
               ? error_writing(replacement, err)
               : maqet_replacement_rename(replacement, err);
}

void
maqet_replacement_cleanup(struct maqet_replacement *replacement)
{
    if (replacement->temporary)
        unlink(replacement->temporary);
    if (replacement->fd >= 0)
        close(replacement->fd);
    if (replacement->dir_fd >= 0)
        close(replacement->dir_fd);
    free(replacement->path);
    free(replacement->folder);
    free(replacement->temporary);
    *replacement = (struct maqet_replacement)MAQET_REPLACEMENT_INIT;
}

int
maqet_file_replace(const char *path, const char *data, size_t length, mode_t mode,
                   struct maqet_error **err)
{
    _cleanup_replacement_ struct maqet_replacement replacement;

    return maqet_replacement_begin(path, &replacement, err) < 0
               ? -1
               : maqet_replacement_finish(&replacement, data, length, mode, err);
}

bool
maqet_file_publish(int dir_fd, const char *temporary, const char *name)
{
    if (renameat2(dir_fd, temporary, dir_fd, name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* File systems without RENAME_NOREPLACE have hard links. */
    if (linkat(dir_fd, temporary, dir_fd, name, 0) < 0)
        return false;
    unlinkat(dir_fd, temporary, 0);
    return true;
}

bool
maqet_dir_publish(int dir_fd, const char *temporary, const char *name)
{
    return renameat2(dir_fd, temporary, dir_fd, name, RENAME_NOREPLACE) == 0 ||
           ((errno == EINVAL || errno == ENOSYS) &&
            renameat(dir_fd, temporary, dir_fd, name) == 0);
}

int
maqet_file_create(const char *path, const char *data, size_t length, mode_t mode,
                  struct maqet_error **err)
{
    _cleanup_replacement_ struct maqet_replacement new;

    if (maqet_replacement_begin(path, &new, err) < 0)
        return -1;
    const char *temporary = strrchr(new.temporary, '/') + 1;
    const char *slash = strrchr(path, '/');
    if (fchmod(new.fd, mode) < 0 || maqet_fd_write(new.fd, data, length) < 0 ||
        maqet_durable_sync(new.fd, path) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", path);
    if (!maqet_file_publish(new.dir_fd, temporary, slash ? slash + 1 : path))
        return errno == EEXIST
                   ? maqet_error_set(err, MAQET_ERROR_EXISTS, "%s exists already", path)
                   : maqet_error_errno(err, errno, "Cannot create %s", path);
    free(TAKE_PTR(new.temporary));
    return maqet_dir_sync(new.dir_fd, new.folder, err);
}

/* ---- temporary files that were left ---- */

/* The name that a temporary file was for; NULL: it is not one. Caller frees. */
static char *
replaced_by(const char *name)
{
    size_t length = strlen(name), tail = strlen(MAQET_FILE_TEMPORARY) + RANDOM_LENGTH;

    if (name[0] != '.' || length < tail + 2 ||
        !maqet_text_starts(name + length - tail, MAQET_FILE_TEMPORARY))
        return NULL;
    return maqet_strndup(name + 1, length - tail - 1);
}

/* Whether it is a file of ours that is not locked. */
static bool
is_abandoned(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status, there;

    return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_uid == geteuid() && status.st_nlink == 1 &&
           maqet_lock_try(fd, NULL) == 1 && lstat(path, &there) == 0 &&
           there.st_dev == status.st_dev && there.st_ino == status.st_ino;
}

void
maqet_dir_leftovers(const char *folder, bool (*is_ours)(const char *name),
                    struct maqet_strings *paths)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(folder, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *replaced = replaced_by(names.items[i]);
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);

        if (replaced && (!is_ours || is_ours(replaced)) && is_abandoned(path))
            maqet_strings_take(paths, TAKE_PTR(path));
    }
}

void
maqet_dir_sweep(const char *folder, bool (*is_ours)(const char *name))
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    maqet_dir_leftovers(folder, is_ours, &paths);
    for (size_t i = 0; i < paths.count; i++)
        unlink(paths.items[i]);
}

bool
maqet_fd_is_at(int fd, const char *path)
{
    struct maqet_file_id opened, there;

    return maqet_file_id_of_fd(fd, &opened) && maqet_file_id_of_target(path, &there) &&
           maqet_file_id_equal(&opened, &there);
}
