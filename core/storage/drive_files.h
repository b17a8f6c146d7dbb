/* SPDX-License-Identifier: MIT */
/*
 * drive_files.h - the files and folders of this host that a drive is made of, each as the
 * very file that was looked at: the image, and what the plugins' options of the type PATH
 * name (a base, a key, a folder to share). QEMU opens them by name afterwards, so another
 * one under such a name by then has not been checked by anybody.
 */
#ifndef MAQET_STORAGE_DRIVE_FILES_H
#define MAQET_STORAGE_DRIVE_FILES_H

#include "core/base/files.h"
#include "core/storage/drive.h"

struct maqet_drive_file {
    char *option; /* that names it: "file", "backing_file", "encryption.key_file" */
    char *path;   /* absolute; links in it are not resolved */
    struct maqet_file_id id; /* of what it leads to */
};

/* Remembers what the options of the type PATH lead to. Of those that lead to nothing
 * nothing is known; the image is not among them, see maqet_drive_files_note(). */
void maqet_drive_files_look(struct maqet_drive *drive);

/* Remembers one, in place of what was known by that option. A start does so for the image
 * as soon as it has been inspected or created. */
void maqet_drive_files_note(struct maqet_drive *drive, const char *option,
                            const char *path, const struct maqet_file_id *id);

/* What is known of an option's file; NULL: nothing. */
const struct maqet_drive_file *maqet_drive_files_find(const struct maqet_drive *drive,
                                                      const char *option);

/* Whether all that is known is still there under its name: a missing file
 * (MAQET_ERROR_MISSING) and another one (MAQET_ERROR_FAILED) are errors. */
int maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err);

/* An error for a file that has come in the place of a known one, and for one that is
 * gone. Returns -1. */
int maqet_drive_files_error(const struct maqet_drive *drive,
                            const struct maqet_drive_file *file, bool there,
                            struct maqet_error **err);

/* Forgets and frees them. */
void maqet_drive_files_clear(struct maqet_drive *drive);

#endif
