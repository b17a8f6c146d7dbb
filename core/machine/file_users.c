/* SPDX-License-Identifier: MIT */
#include "core/machine/file_users.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/procfs.h"

static void
cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define _cleanup_dir_ _cleanup_(cleanup_dir)

/* ---- one process ---- */

/* Whether a process has the socket open; its file is known by its number only. */
static bool
holds_socket(int pid, uint64_t inode)
{
    enum { NAME_SIZE = 64 };
    _cleanup_free_ char *path = maqet_format("/proc/%d/fd", pid);
    _cleanup_free_ char *wanted = maqet_format("socket:[%" PRIu64 "]", inode);
    _cleanup_dir_ DIR *dir = opendir(path);
    struct dirent *entry;
    char name[NAME_SIZE];

    while (dir && (entry = readdir(dir))) {
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, name, sizeof(name));

        if (length == (ssize_t)strlen(wanted) &&
            memcmp(name, wanted, (size_t)length) == 0)
            return true;
    }
    return false;
}

/* Adds the processes that have a file open, or a socket if @wanted is NULL. */
static int
find_users(const struct maqet_file_id *wanted, uint64_t socket,
           struct maqet_file_users *users, struct maqet_error **err)
{
    struct dirent *entry;
    bool locked = false;

    _cleanup_dir_ DIR *dir = opendir("/proc");
    if (!dir)
        return maqet_error_errno(err, errno, "Cannot look for processes in /proc");
    while ((entry = readdir(dir))) {
        int pid = isdigit((unsigned char)entry->d_name[0])
                      ? (int)strtol(entry->d_name, NULL, 10)
                      : 0;

        if (pid <= 0 || pid == getpid() ||
            !(wanted ? maqet_procfs_holds(pid, wanted, &locked)
                     : holds_socket(pid, socket)))
            continue;
        *MAQET_APPEND(users->items, users->count) = (struct maqet_file_user){
            .pid = pid,
            .command = maqet_procfs_command(pid),
            .locked = locked,
        };
    }
    return 0;
}

int
maqet_file_users_find(const char *path, struct maqet_file_users *users,
                      struct maqet_error **err)
{
    struct maqet_file_id wanted;

    return maqet_file_id_of_used(AT_FDCWD, path, &wanted)
               ? find_users(&wanted, 0, users, err)
               : maqet_error_errno(err, errno, "Cannot inspect %s", path);
}

int
maqet_file_users_find_socket(uint64_t inode, struct maqet_file_users *users,
                             struct maqet_error **err)
{
    return find_users(NULL, inode, users, err);
}

void
maqet_file_users_clear(struct maqet_file_users *users)
{
    for (size_t i = 0; i < users->count; i++) {
        free(users->items[i].command);
        free(users->items[i].vm);
        free(users->items[i].data_dir);
    }
    free(users->items);
    *users = (struct maqet_file_users){0};
}

bool
maqet_file_users_has_open(int pid, const char *path)
{
    struct maqet_file_id wanted;
    bool locked;

    return maqet_file_id_of_used(AT_FDCWD, path, &wanted) &&
           maqet_procfs_holds(pid, &wanted, &locked);
}

bool
maqet_file_users_locked(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
}

/* The byte that QEMU locks while it reads an image. Others by which it keeps its own way of use from
 * others follow, unless it shares the image with whomever (block/file-posix.c: RAW_LOCK_PERM_BASE,
 * BLK_PERM_CONSISTENT_READ). */
enum { READER_BYTE = 100 };

bool
maqet_file_users_exclusive(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct flock before = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = READER_BYTE};
    struct flock after = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = READER_BYTE + 1};

    return fd >= 0 &&
           ((fcntl(fd, F_OFD_GETLK, &before) == 0 && before.l_type != F_UNLCK) ||
            (fcntl(fd, F_OFD_GETLK, &after) == 0 && after.l_type != F_UNLCK));
}

/* The byte that QEMU locks while it may write to an image (BLK_PERM_WRITE). */
enum { WRITER_BYTE = READER_BYTE + 1 };

bool
maqet_file_users_written(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITER_BYTE, .l_len = 1};

    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

char *
maqet_file_users_text(const struct maqet_file_users *users, size_t count)
{
    const struct maqet_file_user *list = users->items;
    struct maqet_text text = MAQET_TEXT_INIT;

    if (count == 0)
        return maqet_strdup("another process, which is not visible from here (of "
                            "another user, or on another host)");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            maqet_text_append(
                &text, i + 1 == count || i == MAQET_FILE_USERS_NAMED ? " and " : ", ");
        if (i == MAQET_FILE_USERS_NAMED) {
            maqet_text_appendf(&text, "%zu more", count - i);
            break;
        }
        if (list[i].vm)
            maqet_text_appendf(&text, "%s of VM '%s'%s%s",
                               list[i].helper ? "the helper" : "QEMU", list[i].vm,
                               list[i].data_dir ? " in " : "",
                               list[i].data_dir ? list[i].data_dir : "");
        else
            maqet_text_appendf(&text, "'%s'", list[i].command);
        maqet_text_appendf(&text, " (PID %d)", list[i].pid);
    }
    return maqet_text_take(&text);
}

size_t
maqet_file_users_select_locked(struct maqet_file_users *users)
{
    size_t locked = 0;

    for (size_t i = 0; i < users->count; i++) {
        if (users->items[i].locked) {
            struct maqet_file_user holder = users->items[i];

            users->items[i] = users->items[locked];
            users->items[locked++] = holder;
        }
    }
    return locked;
}
