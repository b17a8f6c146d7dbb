/* SPDX-License-Identifier: MIT */
/*
 * files.h - paths, files and folders, and locks that the kernel releases.
 */
#ifndef MAQET_BASE_FILES_H
#define MAQET_BASE_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/base/error.h"

/* Absolute form of a path: "~" expands, relative ones start at @folder. Caller frees. */
char *maqet_path_absolute(const char *path, const char *folder);

/* The folder that an absolute path's last component is in. Caller frees. */
char *maqet_path_folder(const char *path);

/* Makes a folder with @mode, and the missing ones above it with 0700. */
int maqet_dir_make(const char *path, mode_t mode, struct maqet_error **err);

/* Opens a folder that is ours alone, made with mode 0700 when it is missing. A folder of
 * another user, or one that others can write, is an error: they could make us use, or
 * remove, something else. So is, with O_NOFOLLOW in @flags, a link in its place. Returns
 * a descriptor or -1. */
int maqet_dir_open_own(const char *path, int flags, struct maqet_error **err);

/* The same without opening or making anything: a missing folder is fine. */
int maqet_dir_check_own(const char *path, struct maqet_error **err);

/* The names in a folder, sorted, without "." and "..". A missing folder is empty. */
int maqet_dir_list(const char *path, struct maqet_strings *names,
                   struct maqet_error **err);

/* Removes a folder and all that is in it; following no link. A missing one is fine. */
int maqet_dir_remove(const char *path, struct maqet_error **err);

/* Writes a folder's entries to the disk, so that a rename survives a power cut. */
int maqet_dir_sync(int dir_fd, const char *path, struct maqet_error **err);

/* Appends the folders of a list with ':' in between, made absolute; empty ones are left
 * out. */
void maqet_path_split(const char *list, const char *folder, struct maqet_strings *paths);

/* Where a descriptor's file is now, links resolved. Caller frees; NULL: not known. */
char *maqet_path_of_fd(int fd);

/* Whether no file has the name. What can't be looked at may be there. */
bool maqet_file_missing(const char *path);

/* A pipe: what is written to *writer is read from *reader. Both are set only on success.
 * -1 and errno. */
int maqet_pipe(int *reader, int *writer);

/* Reads what has arrived in a pipe or a socket. Closes it at its end: *fd is -1 then.
 * Returns the number of bytes, or 0. */
size_t maqet_fd_receive(int *fd, char *buffer, size_t size);

/* Writes all of it, to whatever takes bytes. -1 and errno. Async-signal-safe. */
int maqet_fd_write(int fd, const void *data, size_t length);

/* Reads a file of at most @limit bytes. The caller frees *data, which ends with a NUL. */
int maqet_file_read(const char *path, size_t limit, char **data, size_t *length,
                    struct maqet_error **err);
/* The same with a path that starts at a folder (openat(2)). */
int maqet_file_read_at(int dir_fd, const char *path, size_t limit, char **data,
                       size_t *length, struct maqet_error **err);
/* The same for a descriptor, which stays open; @name is for messages. */
int maqet_fd_read(int fd, const char *name, size_t limit, char **data, size_t *length,
                  struct maqet_error **err);

/*
 * What tells a file from every other one, and from a later one that got its inode's
 * number: the time of its birth, where the file system keeps it (else 0).
 */
struct maqet_file_id {
    uint64_t device;
    uint64_t inode;
    uint64_t birth; /* ns since 1970 */
};

/* False: no such file. maqet_file_id_of_path follows no link, maqet_file_id_of_target
 * does. maqet_file_id_is_same_file leaves the device's number out, which a reboot may
 * change. */
bool maqet_file_id_of_fd(int fd, struct maqet_file_id *id);
bool maqet_file_id_of_path(const char *path, struct maqet_file_id *id);
bool maqet_file_id_of_target(const char *path, struct maqet_file_id *id);
bool maqet_file_id_equal(const struct maqet_file_id *a, const struct maqet_file_id *b);
bool maqet_file_id_is_same_file(const struct maqet_file_id *a,
                                const struct maqet_file_id *b);

/* What a name, which starts at a folder (openat(2)), leads to while it is in use, without
 * the time of birth. All nodes of a block device have the same. */
bool maqet_file_id_of_used(int dir_fd, const char *path, struct maqet_file_id *id);

/* Whether two names lead to the same file or block device. */
bool maqet_file_is_same(const char *one, const char *other);

/* A text that changes with a file's content, without reading it. Follows links. Caller
 * frees; NULL: no such file. */
char *maqet_file_mark(const char *path);

/* Removes a file, so that it stays removed after a power cut. A missing one is fine. */
int maqet_file_remove(const char *path, struct maqet_error **err);

/* Removes a file that has no data, though it may have a size: one that was made for
 * somebody who did not use it. */
void maqet_file_remove_empty(const char *path);

/*
 * Open file description locks (F_OFD_SETLK, fcntl(2)) on the whole file: a child that
 * inherits the descriptor keeps it, and the kernel releases it when the last holder dies.
 * maqet_lock_try: 1 taken, 0 somebody else has it, -1 error.
 * maqet_lock_wait: 0 taken, -1 error; MAQET_ERROR_TIMEOUT after @timeout ms.
 * maqet_lock_held: 1 somebody else holds it, 0 nobody does, -1 error.
 */
int maqet_lock_try(int fd, struct maqet_error **err);
int maqet_lock_wait(int fd, int64_t timeout, const char *what, struct maqet_error **err);
int maqet_lock_held(int fd, struct maqet_error **err);

#endif
