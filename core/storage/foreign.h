/* SPDX-License-Identifier: MIT */
/*
 * foreign.h - an image that others have made, in any format that qemu-img reads: what it is,
 * without a file of this host being read because the image names it.
 */
#ifndef MAQET_STORAGE_FOREIGN_H
#define MAQET_STORAGE_FOREIGN_H

#include "core/base/context.h"
#include "core/base/files.h"

struct maqet_foreign {
    char *path;                  /* absolute */
    char *format;                /* QEMU's name */
    struct maqet_strings others; /* files that the user allows it to name; absolute */
    bool probed;           /* the format is qemu-img's opinion, not the user's word */
    uint64_t virtual_size; /* bytes */
    uint64_t snapshots;    /* internal ones */
    char *mark;            /* maqet_file_mark() of it */
};

void maqet_foreign_clear(struct maqet_foreign *foreign);

#define _cleanup_foreign_ _cleanup_(maqet_foreign_clear)

/* Inspects an image, whose path and other files, and perhaps format, are set; fills in the
 * rest. Fails with the names of the files that it names and that are not among the others. */
int maqet_foreign_inspect(struct maqet_foreign *foreign, struct maqet_error **err);

/* Whether anybody has it open for writing, as far as can be seen. */
bool maqet_foreign_is_written(const struct maqet_foreign *foreign);

/* Whether the file is still as it was when it was inspected. */
int maqet_foreign_check_unchanged(const struct maqet_foreign *foreign,
                                  struct maqet_error **err);

#endif
