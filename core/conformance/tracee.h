/* SPDX-License-Identifier: MIT */
/*
 * tracee.h - the memory of a process that is stopped, and the paths that it names.
 */
#ifndef MAQET_CONFORMANCE_TRACEE_H
#define MAQET_CONFORMANCE_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads memory of another process. Returns the number of bytes; -1: it can't be read. */
ssize_t tracee_read(pid_t pid, uint64_t address, void *bytes, size_t count);

/* A text in another process, of at most PATH_MAX bytes; the caller frees. */
char *tracee_text(pid_t pid, uint64_t address);

/* The absolute path of a file that a process names: links in the folder's path are
 * resolved, the last name is not. NULL: there is no such folder. The caller frees. */
char *tracee_path(pid_t pid, int folder_fd, const char *path);

/* Whether a path is in one of these folders, or one of them; NULL ends them. */
bool tracee_is_inside(const char *path, const char *const *folders);

/* Files that store nothing, so that any program may write to them. */
bool tracee_stores_nothing(const char *path);

/* Files of the system, which libraries read. */
bool tracee_is_of_system(const char *path);

#endif
