/* SPDX-License-Identifier: MIT */
#include "core/base/files.h"

#include "core/base/clock.h"
#include "core/base/durable.h"
#include "core/base/interrupt.h"
#include "core/base/printable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/sysmacros.h>

/* ---- paths ---- */

/* The home folder of the user ("": our own); NULL: no such user. */
static char *
home_of(const char *user, size_t length)
{
    const char *home = getenv("HOME");

    if (length == 0 && home && home[0] == '/')
        return maqet_strdup(home);

    _cleanup_free_ char *name = maqet_strndup(user, length);
    const struct passwd *entry = length ? getpwnam(name) : getpwuid(geteuid());
    return entry ? maqet_strdup(entry->pw_dir) : NULL;
}

/* Removes "." and empty components, but not "..", since a link may precede it. */
static char *
tidy_path(const char *path)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    while (*path) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length > 0 && !(length == 1 && path[0] == '.')) {
            maqet_text_append(&text, "/");
            maqet_text_append_bytes(&text, path, length);
        }
        path += length;
    }
    if (text.length == 0)
        maqet_text_append(&text, "/");
    return maqet_text_take(&text);
}

char *
maqet_path_absolute(const char *path, const char *folder)
{
    if (path[0] == '~') {
        size_t length = strcspn(path + 1, "/");
        _cleanup_free_ char *home = home_of(path + 1, length);

        if (home) {
            _cleanup_free_ char *full = maqet_format("%s/%s", home, path + 1 + length);
            return tidy_path(full);
        }
    }
    if (path[0] == '/')
        return tidy_path(path);
    if (!folder)
        return NULL;
    _cleanup_free_ char *full = maqet_format("%s/%s", folder, path);
    return tidy_path(full);
}

char *
maqet_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? maqet_strdup("/")
                         : maqet_strndup(path, (size_t)(slash - path));
}

void
maqet_path_split(const char *list, const char *folder, struct maqet_strings *paths)
{
    while (*list) {
        size_t length = strcspn(list, ":");
        _cleanup_free_ char *entry = maqet_strndup(list, length);

        if (*entry)
            maqet_strings_take(paths, maqet_path_absolute(entry, folder));
        list += length + (list[length] == ':');
    }
}

char *
maqet_path_of_fd(int fd)
{
    _cleanup_free_ char *link = maqet_format("/proc/self/fd/%d", fd);
    return realpath(link, NULL);
}

/* ---- folders ---- */

/* mkdir(2), with its name written to the disk, or a power failure would take the contents
 * as well. The folder above may be writable but not readable. */
static int
make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0)
        return -1;
    _cleanup_free_ char *above = maqet_path_folder(path);
    _cleanup_close_ int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || maqet_durable_sync(fd, above) == 0 || errno == EINVAL ? 0 : -1;
}

int
maqet_dir_make(const char *path, mode_t mode, struct maqet_error **err)
{
    _cleanup_free_ char *copy = maqet_strdup(path);
    struct stat status;

    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_folder(copy, 0700) < 0 && errno != EEXIST)
            return maqet_error_errno(err, errno, "Cannot create the folder %s", copy);
        *slash = '/';
    }
    if (make_folder(copy, mode) == 0)
        return 0;
    if (errno == EEXIST && stat(copy, &status) == 0)
        errno = S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    return errno ? maqet_error_errno(err, errno, "Cannot create the folder %s", copy) : 0;
}

/* Anybody else who could write there could make us use, or delete, another file. */
int
maqet_file_check_writers(const char *path, const struct stat *status, uid_t other,
                         struct maqet_error **err)
{
    _cleanup_free_ char *word = maqet_shell_quoted(path);

    if (status->st_uid != geteuid() && status->st_uid != other) {
        maqet_error_set(err, MAQET_ERROR_PERMISSION,
                        "%s belongs to another user (uid %u)", path,
                        (unsigned)status->st_uid);
        maqet_error_hint(err, "Make yourself%s its owner, or use another one",
                         other == 0 ? " or root" : "");
        return -1;
    }
    if (status->st_mode & (S_IWGRP | S_IWOTH)) {
        maqet_error_set(err, MAQET_ERROR_PERMISSION, "%s is writable by other users",
                        path);
        maqet_error_hint(err,
                         "Make it writable for its owner only (chmod go-w %s), or use "
                         "another one",
                         word);
        return -1;
    }
    return 0;
}

int
maqet_dir_open_own(const char *path, int flags, struct maqet_error **err)
{
    struct stat status;

    if (maqet_dir_make(path, 0700, err) < 0)
        return -1;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return maqet_error_set(
            err, MAQET_ERROR_PERMISSION,
            "%s is a link, or not a folder; somebody else may have put it there, so "
            "it is not used",
            path);
    if (fd < 0 || fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot open the folder %s", path);
    return maqet_file_check_writers(path, &status, geteuid(), err) < 0 ? -1 : TAKE_FD(fd);
}

int
maqet_dir_check_own(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : maqet_error_errno(err, errno, "Cannot inspect the folder %s", path);
    return maqet_file_check_writers(path, &status, geteuid(), err);
}

int
maqet_dir_list(const char *path, struct maqet_strings *names, struct maqet_error **err)
{
    DIR *dir = opendir(path);

    if (!dir)
        return errno == ENOENT ? 0
                               : maqet_error_errno(err, errno, "Cannot read %s", path);
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            maqet_strings_add(names, entry->d_name);
        errno = 0;
    }
    /* An incomplete list would make files seem to be gone. */
    int number = errno;
    closedir(dir);
    maqet_strings_sort(names);
    return number ? maqet_error_errno(err, number, "Cannot read %s", path) : 0;
}

int
maqet_dir_sync(int dir_fd, const char *path, struct maqet_error **err)
{
    /* Some network file systems do not support it (EINVAL). */
    if (maqet_durable_sync(dir_fd, path) < 0 && errno != EINVAL)
        return maqet_error_errno(err, errno, "Cannot write the folder %s to the disk",
                                 path);
    return 0;
}

/* ---- files ---- */

bool
maqet_file_missing(const char *path)
{
    return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

int
maqet_fd_read(int fd, const char *name, size_t limit, char **data, size_t *length,
              struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    char buffer[16384];
    ssize_t count;

    while ((count = read(fd, buffer, sizeof(buffer))) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return maqet_error_errno(err, errno, "Cannot read %s", name);
        if (text.length + (size_t)count > limit) {
            _cleanup_free_ char *most = maqet_text_bytes(limit);
            return maqet_error_set(err, MAQET_ERROR_INVALID, "%s is larger than %s", name,
                                   most);
        }
        maqet_text_append_bytes(&text, buffer, (size_t)count);
    }
    if (length)
        *length = text.length;
    *data = maqet_text_take(&text);
    return 0;
}

int
maqet_pipe(int *reader, int *writer)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

size_t
maqet_fd_receive(int *fd, char *buffer, size_t size)
{
    ssize_t count = read(*fd, buffer, size);

    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
        close(TAKE_FD(*fd));
    return count > 0 ? (size_t)count : 0;
}

int
maqet_fd_write(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t count = write(fd, at, length);

        if (count < 0 && errno != EINTR)
            return -1;
        if (count > 0) {
            at += count;
            length -= (size_t)count;
        }
    }
    return 0;
}

int
maqet_file_read_at(int dir_fd, const char *path, size_t limit, char **data,
                   size_t *length, struct maqet_error **err)
{
    /* Without O_NONBLOCK, opening a FIFO that nobody writes to would block. The data of one
     * with a writer, such as the shell's <(...), is waited for. */
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || fcntl(fd, F_SETFL, 0) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    if (S_ISDIR(status.st_mode))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "%s is a folder, not a file",
                               path);
    return maqet_fd_read(fd, path, limit, data, length, err);
}

int
maqet_file_read(const char *path, size_t limit, char **data, size_t *length,
                struct maqet_error **err)
{
    return maqet_file_read_at(AT_FDCWD, path, limit, data, length, err);
}

static bool
file_id(int fd, const char *path, int flags, struct maqet_file_id *id)
{
    struct statx status;

    if (statx(fd, path, flags, STATX_INO | STATX_BTIME, &status) < 0)
        return false;
    *id = (struct maqet_file_id){
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = status.stx_ino,
    };
    if (status.stx_mask & STATX_BTIME)
        id->birth =
            (uint64_t)status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
    return true;
}

bool
maqet_file_id_of_fd(int fd, struct maqet_file_id *id)
{
    return file_id(fd, "", AT_EMPTY_PATH, id);
}

bool
maqet_file_id_of_path(const char *path, struct maqet_file_id *id)
{
    return file_id(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, id);
}

bool
maqet_file_id_of_target(const char *path, struct maqet_file_id *id)
{
    return file_id(AT_FDCWD, path, 0, id);
}

bool
maqet_file_id_equal(const struct maqet_file_id *a, const struct maqet_file_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->birth == b->birth;
}

bool
maqet_file_id_is_same_file(const struct maqet_file_id *a, const struct maqet_file_id *b)
{
    return a->inode == b->inode && a->birth == b->birth;
}

bool
maqet_file_id_of_used(int dir_fd, const char *path, struct maqet_file_id *id)
{
    struct statx status;

    /* A file server that does not answer must not block us. */
    if (statx(dir_fd, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &status) < 0)
        return false;
    bool is_device = S_ISBLK(status.stx_mode);
    *id = (struct maqet_file_id){
        .device = is_device ? makedev(status.stx_rdev_major, status.stx_rdev_minor)
                            : makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = is_device ? 0 : status.stx_ino,
    };
    return true;
}

bool
maqet_file_is_same(const char *one, const char *other)
{
    struct maqet_file_id a, b;

    return maqet_file_id_of_used(AT_FDCWD, one, &a) &&
           maqet_file_id_of_used(AT_FDCWD, other, &b) && maqet_file_id_equal(&a, &b);
}

char *
maqet_file_mark(const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return NULL;
    return maqet_format("%ju:%ju:%jd:%jd.%09ld", (uintmax_t)info.st_dev,
                        (uintmax_t)info.st_ino, (intmax_t)info.st_size,
                        (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

void
maqet_file_remove_empty(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO)
        unlink(path);
}

int
maqet_file_remove(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
        return maqet_error_errno(err, errno, "Cannot delete %s", path);
    return maqet_dir_sync(fd, folder, err);
}

/* ---- locks ---- */

enum { LOCK_PAUSE = 10 /* ms */ };

int
maqet_lock_try(int fd, struct maqet_error **err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 1;
    if (errno == EAGAIN || errno == EACCES)
        return 0;
    return maqet_error_errno(err, errno, "Cannot lock a file");
}

int
maqet_lock_wait(int fd, int64_t timeout, const char *what, struct maqet_error **err)
{
    int64_t deadline = maqet_now() + timeout;
    long pause = 2;

    /* F_OFD_SETLKW has no deadline. */
    for (;;) {
        int taken = maqet_lock_try(fd, err);

        if (taken != 0)
            return taken < 0 ? -1 : 0;
        int64_t left = deadline - maqet_now();
        if (left <= 0)
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                   "Another maqet process has been working on %s for "
                                   "%.1f s",
                                   what, (double)timeout / 1000);
        maqet_sleep(left < pause ? left : pause);
        if (maqet_interrupt_check(err) < 0)
            return -1;
        if (pause < 64)
            pause *= 2;
    }
}

bool
maqet_lock_wait_through(int fd, int64_t timeout)
{
    int64_t deadline = maqet_now() + timeout;
    int taken;

    while ((taken = maqet_lock_try(fd, NULL)) == 0 && maqet_now() < deadline)
        maqet_sleep(LOCK_PAUSE);
    return taken > 0;
}

int
maqet_lock_held(int fd, struct maqet_error **err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return maqet_error_errno(err, errno, "Cannot query a lock");
    return lock.l_type != F_UNLCK;
}
