/* SPDX-License-Identifier: MIT */
/*
 * landlock.h - a process may open what it was told, and nothing else (landlock(7)). Rules
 * belong to inodes: another file that gets the name of one that was allowed is not
 * allowed.
 */
#ifndef MAQET_BASE_LANDLOCK_H
#define MAQET_BASE_LANDLOCK_H

#include "core/base/error.h"

/* What may be done with a file, or with a folder and all that is below it. */
enum maqet_access {
    MAQET_ACCESS_READ = 1 << 0,
    MAQET_ACCESS_EXECUTE = 1 << 1,
    MAQET_ACCESS_WRITE = 1 << 2,  /* to what is there; devices take ioctls, too */
    MAQET_ACCESS_CHANGE = 1 << 3, /* make, rename and remove entries of a folder */
    MAQET_ACCESS_LISTEN = 1 << 4, /* make sockets in a folder */
    MAQET_ACCESS_REMOVE = 1 << 5, /* remove files of a folder */
};

/* The version of Landlock that the kernel offers (1 since Linux 5.13); 0: none. */
int maqet_landlock_version(void);

/* An empty set of rules: a descriptor, or -1. Since version 6, a confined process can
 * send signals only to those that are confined by the same, not even by its death
 * (PR_SET_PDEATHSIG). */
int maqet_landlock_new(int version, struct maqet_error **err);

/* Allows @access (of enum maqet_access) to what @fd has open, which may be with O_PATH;
 * what makes no sense for a file that is no folder is left out. @name is for messages. */
int maqet_landlock_allow(int ruleset, int version, int fd, unsigned access,
                         const char *name, struct maqet_error **err);

/* Confines this process and its later children, for ever; what the kernel tells of this
 * very process (/proc/self) it may still read. Async-signal-safe. -1 and errno. */
int maqet_landlock_enforce(int ruleset);

#endif
