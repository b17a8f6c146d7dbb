/* SPDX-License-Identifier: MIT */
/*
 * logfile.h - a log that cannot fill the disk, whatever is written to it: two files, NAME
 * and NAME.1, of at most so many bytes each. When NAME is full, it replaces NAME.1, and a
 * new one is begun. All bytes together are one stream, whose positions stay valid when
 * that happens, so that each reader has its own place in it. One process writes.
 */
#ifndef MAQET_BASE_LOGFILE_H
#define MAQET_BASE_LOGFILE_H

#include <sys/types.h>

#include "core/base/error.h"

/* The suffix of the older file. */
#define MAQET_LOGFILE_OLDER ".1"

struct maqet_logfile {
    int dir_fd;       /* its folder */
    char *name;       /* of the newer file */
    uint64_t limit;   /* bytes of each file */
    int older, newer; /* descriptors; older: -1 if there is none */
    uint64_t begin;   /* the position of the older file's first byte, */
    uint64_t middle;  /* of the newer one's, */
    uint64_t end;     /* and after its last one */
};

#define MAQET_LOGFILE_INIT                                                               \
    ((struct maqet_logfile){.dir_fd = -1, .older = -1, .newer = -1})

/* Opens a log in a folder, which stays the caller's, for appending; creates it with mode
 * 0600. Files with more than @limit bytes keep them until they are replaced. */
int maqet_logfile_open(int dir_fd, const char *name, uint64_t limit,
                       struct maqet_logfile *log, struct maqet_error **err);

/* Opens it for reading. A log that does not exist is empty. */
int maqet_logfile_open_reader(int dir_fd, const char *name, struct maqet_logfile *log,
                              struct maqet_error **err);

void maqet_logfile_clear(struct maqet_logfile *log);

#define _cleanup_logfile_ _cleanup_(maqet_logfile_clear)

/* Appends bytes, and returns how many; fewer than @length and errno if the disk is full. */
size_t maqet_logfile_write(struct maqet_logfile *log, const char *bytes, size_t length);

/* Reads from a position, which is moved past what is read, and forward if the bytes there
 * no longer exist. Returns their number; 0 at the end. */
size_t maqet_logfile_read(const struct maqet_logfile *log, uint64_t *position,
                          char *buffer, size_t size);

/* In a reader: notices what was written, and that a file was replaced. */
void maqet_logfile_refresh(struct maqet_logfile *log);

#endif
