/* SPDX-License-Identifier: MIT */
#include "core/storage/mode.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A plugin may have an option of that name itself, which then counts. */
static const struct maqet_option file_options[] = {
    {.name = MAQET_DRIVE_MODE,
     .type = MAQET_OPTION_MODE,
     .help = "mode of a new image, such as 0660; 0600 unless given"},
    {.name = NULL},
};

const struct maqet_option *
maqet_drive_file_options(void)
{
    return file_options;
}

/* An image that others may use is one that its owner can use, and nothing that is run. */
int
maqet_drive_mode_read(struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_value *value = maqet_values_find(&drive->values, MAQET_DRIVE_MODE);

    drive->mode = 0600;
    if (!value || value->row != file_options || !value->text)
        return 0;
    int64_t mode = maqet_value_int(value);
    if ((mode & ~INT64_C(0777)) != 0)
        return maqet_drive_error(drive, MAQET_DRIVE_MODE, err, MAQET_ERROR_INVALID,
                                 "`mode` can be at most 0777: an image has no setuid, "
                                 "setgid or sticky bit");
    if ((mode & 0600) != 0600) {
        maqet_drive_error(drive, MAQET_DRIVE_MODE, err, MAQET_ERROR_INVALID,
                          "`mode: %s` would not let its owner read and write the image",
                          value->text);
        maqet_error_hint(err, "Use 0600 for the owner only, 0660 for the group as well");
        return -1;
    }
    drive->mode = (mode_t)mode;
    return 0;
}

/*
 * Gives the finished file its mode, whatever the umask is and whatever file the plugin
 * has put there. Some file systems (FAT) keep no modes, and some refuse to be asked.
 */
int
maqet_drive_mode_set(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    if (fchmod(fd, drive->mode) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "cannot set the mode of %s: %s", drive->path,
                                 strerror(errno));
    maqet_warn(drive,
               "the file system does not allow setting the mode %04o of the new image "
               "%s (%s), so others may be able to read it",
               (unsigned)drive->mode, drive->path, strerror(errno));
    return 0;
}
