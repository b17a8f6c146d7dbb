/* SPDX-License-Identifier: MIT */
/*
 * replacement.h - files that are created or replaced atomically, and the temporary files
 * that a killed maqet leaves, which are distinguished from those in use.
 */
#ifndef MAQET_BASE_REPLACEMENT_H
#define MAQET_BASE_REPLACEMENT_H

#include <sys/types.h>

#include "core/base/error.h"

/* The temporary file for NAME is .NAME.maqet-XXXXXX (mkostemp(3)). */
#define MAQET_FILE_TEMPORARY ".maqet-"

/* Replaces a file: temporary file, fsync, rename, fsync of the folder. */
int maqet_file_replace(const char *path, const char *data, size_t length, mode_t mode,
                       struct maqet_error **err);

/* Creates a file as a whole. MAQET_ERROR_EXISTS: there is one of that name, which stays. */
int maqet_file_create(const char *path, const char *data, size_t length, mode_t mode,
                      struct maqet_error **err);

/* As maqet_file_replace(), in two steps, for a file that contains its own identity: _begin creates the
 * temporary file, open as @fd; _finish writes and renames it; _cleanup removes it if it
 * was not renamed. Or in three, for one that goes to the disk together with other files: _write writes it, and if
 * syncs are postponed (durable.h), they are settled before _rename. */
struct maqet_replacement {
    char *path;
    char *folder;
    char *temporary; /* NULL: none, or it was renamed */
    int dir_fd;
    int fd;
};

int maqet_replacement_begin(const char *path, struct maqet_replacement *replacement,
                            struct maqet_error **err);
int maqet_replacement_finish(struct maqet_replacement *replacement, const char *data,
                             size_t length, mode_t mode, struct maqet_error **err);
int maqet_replacement_write(struct maqet_replacement *replacement, const char *data,
                            size_t length, mode_t mode, struct maqet_error **err);
int maqet_replacement_rename(struct maqet_replacement *replacement,
                             struct maqet_error **err);
void maqet_replacement_cleanup(struct maqet_replacement *replacement);

#define MAQET_REPLACEMENT_INIT                                                           \
    {                                                                                    \
        .dir_fd = -1, .fd = -1                                                           \
    }

/* Renames a finished file, without replacing another one. False and errno, which is EEXIST
 * if there is a file of that name. */
bool maqet_file_publish(int dir_fd, const char *temporary, const char *name);

/* The same for a folder, which replaces at most an empty folder, where the file system has no better
 * way (NFS). */
bool maqet_dir_publish(int dir_fd, const char *temporary, const char *name);

/* Appends the paths of the temporary files in a folder that a killed maqet has left, for
 * names of which @is_ours (NULL: all) returns true. */
void maqet_dir_leftovers(const char *folder, bool (*is_ours)(const char *name),
                         struct maqet_strings *paths);

/* Removes them. */
void maqet_dir_sweep(const char *folder, bool (*is_ours)(const char *name));

#define _cleanup_replacement_ _cleanup_(maqet_replacement_cleanup)

/* Whether a path still leads to the open file, which may have been replaced or removed.
 * Follows links. */
bool maqet_fd_is_at(int fd, const char *path);

#endif
