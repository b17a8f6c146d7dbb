/* SPDX-License-Identifier: MIT */
/*
 * replacement.h - files that appear or are replaced whole: nobody ever sees half of one,
 * and what a killed maqet has left of one is told from what is being written.
 */
#ifndef MAQET_BASE_REPLACEMENT_H
#define MAQET_BASE_REPLACEMENT_H

#include <sys/types.h>

#include "core/base/error.h"

/* The temporary file that is to replace NAME is .NAME.maqet-XXXXXX (mkostemp(3)). */
#define MAQET_FILE_TEMPORARY ".maqet-"

/* Replaces a file as a whole: temporary file, fsync, rename, fsync of the folder. */
int maqet_file_replace(const char *path, const char *data, size_t length, mode_t mode,
                       struct maqet_error **err);

/* The same in two steps, for a file whose content depends on which file it is: _begin
 * makes the temporary file, open as @fd, _finish writes it and gives it its name.
 * _cleanup removes a temporary file that is left. */
struct maqet_replacement {
    char *path;
    char *folder;
    char *temporary; /* NULL: there is none, or it has its name */
    int dir_fd;
    int fd;
};

int maqet_replacement_begin(const char *path, struct maqet_replacement *replacement,
                            struct maqet_error **err);
int maqet_replacement_finish(struct maqet_replacement *replacement, const char *data,
                             size_t length, mode_t mode, struct maqet_error **err);
void maqet_replacement_cleanup(struct maqet_replacement *replacement);

/* Gives a finished file its name, replacing nothing. False, and errno: EEXIST where there
 * is a file of that name. */
bool maqet_file_publish(int dir_fd, const char *temporary, const char *name);

/* Removes from a folder the temporary files that a killed maqet has left there, of files
 * of which @is_ours (NULL: any) says that they are ours. */
void maqet_dir_sweep(const char *folder, bool (*is_ours)(const char *name));

#define _cleanup_replacement_ _cleanup_(maqet_replacement_cleanup)

/* Whether a path is still that of the file that was opened: it may have been replaced or
 * removed meanwhile. Follows links. */
bool maqet_fd_is_at(int fd, const char *path);

#endif
