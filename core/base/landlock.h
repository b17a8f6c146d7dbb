/* SPDX-License-Identifier: MIT */
/*
 * landlock.h - restricts which files a process can open (landlock(7)). Rules apply to
 * inodes: a file that replaces an allowed one is not allowed.
 */
#ifndef MAQET_BASE_LANDLOCK_H
#define MAQET_BASE_LANDLOCK_H

#include "core/base/error.h"

/* Access to a file, or to a folder and everything below it. */
enum maqet_access {
    MAQET_ACCESS_READ = 1 << 0,
    MAQET_ACCESS_EXECUTE = 1 << 1,
    MAQET_ACCESS_WRITE = 1 << 2,  /* existing files; for devices also ioctls */
    MAQET_ACCESS_CHANGE = 1 << 3, /* create, rename and remove entries of a folder */
    MAQET_ACCESS_LISTEN = 1 << 4, /* create sockets in a folder */
    MAQET_ACCESS_REMOVE = 1 << 5, /* remove files of a folder */
};

/* The kernel's version of Landlock (1 since Linux 5.13); 0: none. */
int maqet_landlock_version(void);

/* An empty ruleset: a descriptor, or -1. Since version 6, a confined process can send
 * signals (even by PR_SET_PDEATHSIG) only to processes that are confined with it. */
int maqet_landlock_new(int version, struct maqet_error **err);

/* Allows @access (of enum maqet_access) to the file of @fd, which may be opened with
 * O_PATH. Rights that only folders have are ignored for others. @name is for messages. */
int maqet_landlock_allow(int ruleset, int version, int fd, unsigned access,
                         const char *name, struct maqet_error **err);

/* Confines this process and its future children. It can still read /proc/self. Returns 0,
 * or -1 and errno. Async-signal-safe. */
int maqet_landlock_enforce(int ruleset);

#endif
