/* SPDX-License-Identifier: MIT */
/*
 * files.h - paths, files, folders and locks.
 */
#ifndef MAQET_BASE_FILES_H
#define MAQET_BASE_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/base/error.h"

/* Makes a path absolute: expands "~"; relative paths start at @folder. NULL: the path is
 * relative, and there is no folder. Caller frees. */
char *maqet_path_absolute(const char *path, const char *folder);

/* The folder of an absolute path's last component. Caller frees. */
char *maqet_path_folder(const char *path);

/* MAQET_ERROR_PERMISSION if anybody but us, root and the owner @other could change a file
 * or folder with that status. */
int maqet_file_check_writers(const char *path, const struct stat *status, uid_t other,
                             struct maqet_error **err);

/* Creates a folder with @mode, and missing ones above it with 0700. */
int maqet_dir_make(const char *path, mode_t mode, struct maqet_error **err);

/* Opens a folder that only we can write to; creates it with mode 0700 if it is missing.
 * With O_NOFOLLOW in @flags, a link is an error. Returns a descriptor or -1. */
int maqet_dir_open_own(const char *path, int flags, struct maqet_error **err);

/* Checks the same, without creating anything; a missing folder is fine. */
int maqet_dir_check_own(const char *path, struct maqet_error **err);

/* The names in a folder, sorted, without "." and "..". A missing folder is empty. */
int maqet_dir_list(const char *path, struct maqet_strings *names,
                   struct maqet_error **err);

/* Writes a folder's entries to the disk, so that a rename survives a power failure. */
int maqet_dir_sync(int dir_fd, const char *path, struct maqet_error **err);

/* Appends the folders of a list separated by ':', made absolute, without empty ones. */
void maqet_path_split(const char *list, const char *folder, struct maqet_strings *paths);

/* The present path of a descriptor's file, without links. Caller frees; NULL: unknown. */
char *maqet_path_of_fd(int fd);

/* Whether no file has that name. False if that cannot be determined. */
bool maqet_file_missing(const char *path);

/* Creates a pipe. Returns 0, or -1 and errno; then both stay as they are. */
int maqet_pipe(int *reader, int *writer);

/* Reads what has arrived in a pipe or a socket; closes it at its end (*fd is -1 then).
 * Returns the number of bytes, or 0. */
size_t maqet_fd_receive(int *fd, char *buffer, size_t size);

/* Writes all of it. Returns 0, or -1 and errno. Async-signal-safe. */
int maqet_fd_write(int fd, const void *data, size_t length);

/* Reads a file of at most @limit bytes. *data ends with a NUL; the caller frees. */
int maqet_file_read(const char *path, size_t limit, char **data, size_t *length,
                    struct maqet_error **err);
/* The same for a path below a folder (openat(2)). */
int maqet_file_read_at(int dir_fd, const char *path, size_t limit, char **data,
                       size_t *length, struct maqet_error **err);
/* The same for a descriptor, which stays open; @name is for messages. */
int maqet_fd_read(int fd, const char *name, size_t limit, char **data, size_t *length,
                  struct maqet_error **err);

/* The identity of a file. The birth time distinguishes it from a later file with the same
 * inode number; 0 if the file system has none. */
struct maqet_file_id {
    uint64_t device;
    uint64_t inode;
    uint64_t birth; /* ns since 1970 */
};

/* False: no such file. maqet_file_id_of_target follows links, maqet_file_id_of_path does
 * not. maqet_file_id_is_same_file ignores the device number, which a reboot may change. */
bool maqet_file_id_of_fd(int fd, struct maqet_file_id *id);
bool maqet_file_id_of_path(const char *path, struct maqet_file_id *id);
bool maqet_file_id_of_target(const char *path, struct maqet_file_id *id);
bool maqet_file_id_equal(const struct maqet_file_id *a, const struct maqet_file_id *b);
bool maqet_file_id_is_same_file(const struct maqet_file_id *a,
                                const struct maqet_file_id *b);

/* The identity, without the birth time, of a file in use, or of a block device, which is the
 * same for all its nodes. The path may be below a folder (openat(2)). */
bool maqet_file_id_of_used(int dir_fd, const char *path, struct maqet_file_id *id);

/* Whether two paths lead to the same file or block device. */
bool maqet_file_is_same(const char *one, const char *other);

/* A text that changes if the file is written to or replaced. Follows links. Caller frees;
 * NULL: no such file. */
char *maqet_file_mark(const char *path);

/* Removes a file, even if the power fails afterwards. A missing one is fine. */
int maqet_file_remove(const char *path, struct maqet_error **err);

/* Removes a file without data (it may have a size), such as one that was created in
 * advance and never used. */
void maqet_file_remove_empty(const char *path);

/*
 * Open file description locks (F_OFD_SETLK, fcntl(2)) on the whole file: a child that
 * inherits the descriptor holds it, too; the kernel releases it when the last holder dies.
 * maqet_lock_try: 1 taken, 0 another one holds it, -1 error.
 * maqet_lock_wait: 0 taken, -1 error; MAQET_ERROR_TIMEOUT after @timeout ms.
 * maqet_lock_held: 1 another one holds it, 0 nobody does, -1 error.
 */
int maqet_lock_try(int fd, struct maqet_error **err);
int maqet_lock_wait(int fd, int64_t timeout, const char *what, struct maqet_error **err);
/* Waits even if a signal asks us to end: for what ends soon, and must not be cut off. Returns
 * whether it was taken. */
bool maqet_lock_wait_through(int fd, int64_t timeout);
int maqet_lock_held(int fd, struct maqet_error **err);

#endif
