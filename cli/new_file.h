/* SPDX-License-Identifier: MIT */
/*
 * new_file.h - the YAML file of a new VM, which exists only if the VM is added. Until then a
 * locked copy of it is beside it, by which the next attempt recognises a file that a killed
 * maqet has left, and that nobody has edited since.
 */
#ifndef MAQET_CLI_NEW_FILE_H
#define MAQET_CLI_NEW_FILE_H

#include <stdbool.h>

#include "core/base/context.h"

struct new_file {
    const char *path; /* absolute; not owned */
    const char *name; /* of the VM; not owned */
    char *copy;
    int fd;       /* of the copy; -1: there is none */
    bool written; /* the file */
};

#define NEW_FILE_INIT                                                                    \
    {                                                                                    \
        .fd = -1                                                                         \
    }

/* Takes the name @path for the file of the VM @name, neither of which is copied: deletes what
 * a killed maqet has left of it. MAQET_ERROR_EXISTS: another maqet has taken it. */
int new_file_claim(struct new_file *file, const struct maqet_context *context,
                   const char *path, const char *name, struct maqet_error **err);

/* Writes the file, which does not exist yet. */
int new_file_write(struct new_file *file, const char *text, struct maqet_error **err);

/* Deletes the file, if it was written. */
void new_file_unwrite(struct new_file *file);

/* Deletes the copy. */
void new_file_release(struct new_file *file);

#endif
