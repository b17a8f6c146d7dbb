/* SPDX-License-Identifier: MIT */
/*
 * mode.h - who may use an image that is made: its owner alone, whatever the umask is,
 * unless the drive's `mode` says otherwise.
 */
#ifndef MAQET_STORAGE_MODE_H
#define MAQET_STORAGE_MODE_H

#include "core/storage/drive.h"

#define MAQET_DRIVE_MODE "mode"

/* The keys of a drive whose storage is a file (path_option). They give way to options of
 * the same names that its plugins have. */
const struct maqet_option *maqet_drive_file_options(void);

/* Fills drive->mode from the key, or with 0600. MAQET_ERROR_INVALID: the mode has a
 * setuid, setgid or sticky bit, or its owner could not use the image. */
int maqet_drive_mode_read(struct maqet_drive *drive, struct maqet_error **err);

/* Gives a new image, open as @fd, the drive's mode. */
int maqet_drive_mode_set(const struct maqet_drive *drive, int fd,
                         struct maqet_error **err);

#endif
