/* SPDX-License-Identifier: MIT */
#include "core/storage/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/removal.h"

/* Nobody else may enter it: not even after the machine was restored from a backup without
 * modes. If others could write to it, they may have done so. */
static int
check_own(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot inspect the folder %s", path);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH))) {
        maqet_error_set(
            err, MAQET_ERROR_PERMISSION,
            "%s is not a folder that only you can write to, so it is not used", path);
        maqet_error_hint(err, "Find out who has changed it, and delete it");
        return -1;
    }
    return (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 || chmod(path, 0700) == 0
               ? 0
               : maqet_error_errno(err, errno, "Cannot change the mode of %s", path);
}

static int
make(const char *path, struct maqet_error **err)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == ENOENT)
        return maqet_error_set(err, MAQET_ERROR_MISSING,
                               "Cannot create the folder %s: the VM is not stored", path);
    return errno == EEXIST
               ? check_own(path, err)
               : maqet_error_errno(err, errno, "Cannot create the folder %s", path);
}

int
maqet_drive_folder_make(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_free_ char *above = maqet_path_folder(drive->folder);

    return make(above, err) < 0 ? -1 : make(drive->folder, err);
}

/* In place: what the plugin has opened may refer to the folder itself. */
int
maqet_drive_folder_empty(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_file_missing(drive->folder))
        return 0;
    if (check_own(drive->folder, err) < 0 ||
        maqet_dir_list(drive->folder, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", drive->folder, names.items[i]);

        if (unlink(path) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return maqet_error_errno(err, errno, "Cannot delete %s", path);
        if (maqet_dir_remove(path, err) < 0)
            return -1;
    }
    return 0;
}
