/* SPDX-License-Identifier: MIT */
#include "core/base/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"

/* What is mounted there is not ours, whoever mounted it. */
static int
check_no_mount(const char *path, struct maqet_error **err)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &status) < 0 ||
        !(status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    maqet_error_set(err, MAQET_ERROR_BUSY,
                    "Something is mounted at %s, so it is not deleted", path);
    maqet_error_hint(err, "Unmount it first");
    return -1;
}

int
maqet_dir_remove(const char *path, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct stat status;

    /* The target of a link is not ours. */
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
        return maqet_error_errno(err, ENOTDIR, "Cannot delete the folder %s", path);
    if (check_no_mount(path, err) < 0)
        return -1;
    if (maqet_dir_list(path, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *item = maqet_format("%s/%s", path, names.items[i]);

        if (unlink(item) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return maqet_error_errno(err, errno, "Cannot delete %s", item);
        if (maqet_dir_remove(item, err) < 0)
            return -1;
    }
    if (rmdir(path) < 0 && errno != ENOENT)
        return maqet_error_errno(err, errno, "Cannot delete the folder %s", path);
    return 0;
}
