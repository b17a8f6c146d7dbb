/* SPDX-License-Identifier: MIT */
#include "core/backup/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/backup/manifest.h"
#include "core/base/files.h"
#include "core/base/lock_holder.h"

#define LOCK_FILE ".lock"

/* Those that <linux/magic.h> of older kernels lacks. */
enum {
    EXFAT_MAGIC = 0x2011bab0,
    NTFS_MAGIC = 0x5346544e,
    NTFS3_MAGIC = 0x7366746e,
    FUSE_BLOCK_MAGIC = 0x65735546, /* NTFS-3G and exfat-fuse */
    P9_MAGIC = 0x01021997,
    VBOXSF_MAGIC = 0x786f4256,
};
static const uint32_t CIFS_MAGIC = 0xff534d42, SMB2_MAGIC = 0xfe534d42;

/* Whether the modes of its files are those of the mount. */
static bool
lacks_modes(const char *path)
{
    struct statfs status;

    if (statfs(path, &status) < 0)
        return false;
    uint32_t type = (uint32_t)status.f_type;
    return type == MSDOS_SUPER_MAGIC || type == EXFAT_MAGIC || type == NTFS_MAGIC ||
           type == NTFS3_MAGIC || type == FUSE_BLOCK_MAGIC || type == P9_MAGIC ||
           type == VBOXSF_MAGIC || type == CIFS_MAGIC || type == SMB2_MAGIC;
}

/* Whether its files belong to somebody whom the file server has chosen, as on NFS with `root_squash`
 * or `all_squash`. */
static bool
maps_owners(const char *path)
{
    _cleanup_free_ char *name = maqet_format("%s/.maqet-XXXXXX", path);
    struct stat status;
    _cleanup_close_ int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0)
        return false;
    unlink(name);
    return fstat(fd, &status) == 0 && status.st_uid != geteuid();
}

static bool
is_ours(const struct stat *status)
{
    return status->st_uid == geteuid() || status->st_uid == 0;
}

static int
check_one(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return errno == ENOENT ? 0
                               : maqet_error_errno(err, errno, "Cannot inspect %s", path);
    return maqet_file_check_writers(path, &status, 0, err);
}

/* Whose a link is decides where it leads. */
static int
check_link(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (lstat(path, &status) < 0 || !S_ISLNK(status.st_mode) || is_ours(&status))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_PERMISSION,
                           "%s is a link, and belongs to another user (uid %u)", path,
                           (unsigned)status.st_uid);
}

static int
check_all(const char *folder, const char *vm, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;

    if (check_link(path, err) < 0 || check_one(path, err) < 0 ||
        maqet_backup_ids(folder, vm, &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        _cleanup_free_ char *backup = maqet_backup_path(folder, vm, ids.items[i]);

        if (maqet_backup_is_there(folder, vm, ids.items[i]) && check_one(backup, err) < 0)
            return -1;
    }
    return 0;
}

/* Often the group of a user has no other member, so what a group can do is no fault of the
 * folder above. */
static void
warn_of_above(const struct maqet_context *context, const char *folder, const char *vm)
{
    struct stat status;

    if (stat(folder, &status) < 0 ||
        (is_ours(&status) && (!(status.st_mode & S_IWOTH) || (status.st_mode & S_ISVTX))))
        return;
    maqet_context_say(
        context, MAQET_LEVEL_WARNING,
        "Other users can write to %s, so they can put another folder in the "
        "place of that with the backups of VM '%s'",
        folder, vm);
}

static int
check(const struct maqet_context *context, const char *folder, const char *vm,
      struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    struct maqet_error *reason = NULL;

    if (check_all(folder, vm, &reason) == 0) {
        warn_of_above(context, folder, vm);
        return 0;
    }
    if (reason->code != MAQET_ERROR_PERMISSION)
        return maqet_error_move(err, reason);
    bool modeless = lacks_modes(path);
    if (!modeless && !maps_owners(path)) {
        maqet_error_move(err, reason);
        return maqet_error_wrap(err, "Others could change the backups of VM '%s'", vm);
    }
    maqet_error_free(reason);
    maqet_context_say(
        context, MAQET_LEVEL_WARNING,
        "Others can change the backups of VM '%s': the file system of %s %s", vm, path,
        modeless ? "has no modes, and is mounted so that they can write to it"
                 : "does not say whose its files are");
    return 0;
}

void
maqet_backup_place_warn(const struct maqet_context *context, const char *folder,
                        const char *vm)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (check(context, folder, vm, &reason) < 0)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", reason->message);
}

int
maqet_backup_lock(const struct maqet_context *context, const char *folder, const char *vm,
                  bool creates, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    _cleanup_free_ char *lock = maqet_format("%s/" LOCK_FILE, path);
    _cleanup_free_ char *what = maqet_format("The folder %s", path);

    if ((creates && maqet_dir_make(path, 0700, err) < 0) ||
        check(context, folder, vm, err) < 0)
        return -1;
    _cleanup_close_ int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int error = errno;

        if (error == ENOENT)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "There are no backups of VM '%s' in %s", vm, folder);
        return maqet_error_errno(err, error, "Cannot open %s", lock);
    }
    if (maqet_lock_wait_named(fd, context->lock_timeout, what, context, err) < 0)
        return -1;
    return TAKE_FD(fd);
}
