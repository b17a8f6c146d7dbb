/* SPDX-License-Identifier: MIT */
/*
 * drive_files.h - the files and folders of this host that a drive is made of (chain.h),
 * each as the very file that was looked at: the image, and what the plugins' options of
 * the type PATH name (a base, a key, a folder to share).
 */
#ifndef MAQET_STORAGE_DRIVE_FILES_H
#define MAQET_STORAGE_DRIVE_FILES_H

#include "core/storage/drive.h"

/* Makes the drive's chain of what its options name, and looks at the files. The image
 * itself is not looked at, see maqet_drive_files_note(). */
void maqet_drive_files_look(struct maqet_drive *drive);

/* Remembers which file the image is. A start does so as soon as it has been inspected or
 * created. */
void maqet_drive_files_note(struct maqet_drive *drive, const struct maqet_file_id *id);

/* Whether all that is known is still there under its name: a missing file
 * (MAQET_ERROR_MISSING) and another one (MAQET_ERROR_FAILED) are errors. */
int maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err);

/* An error for a file that has come in the place of a known one, and for one that is
 * gone. Returns -1. */
int maqet_drive_files_error(const struct maqet_drive *drive,
                            const struct maqet_node *node, bool there,
                            struct maqet_error **err);

#endif
