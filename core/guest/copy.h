/* SPDX-License-Identifier: MIT */
/*
 * copy.h - copies a file, or a folder with all that is in it, to a guest or from it. What is
 * copied appears under its name as a whole or not at all. Permissions are kept, owners are
 * not.
 */
#ifndef MAQET_GUEST_COPY_H
#define MAQET_GUEST_COPY_H

#include "core/machine/opened.h"

struct maqet_copy {
    const char *source;
    const char *target; /* a folder: the copy gets the name of the source in it */
    bool to_guest;
    bool folders;           /* a source that is a folder is copied, instead of refused */
    bool agent;             /* by the agent in any case */
    mode_t umask;           /* for what comes from the guest */
    int64_t answer_timeout; /* ms in which the agent must answer */
};

/* The result. */
struct maqet_copied {
    char *path;     /* of the copy */
    bool is_folder; /* and its size is not known */
    uint64_t size;  /* bytes of a file */
};

void maqet_copied_clear(struct maqet_copied *copied);

#define _cleanup_copied_ _cleanup_(maqet_copied_clear)

/* Copies on a machine that runs. */
int maqet_guest_copy(struct maqet_opened *machine, const struct maqet_copy *copy,
                     struct maqet_copied *copied, struct maqet_error **err);

#endif
