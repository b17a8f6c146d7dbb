/* SPDX-License-Identifier: MIT */
/*
 * forked.h - the forks that a command has made.
 */
#ifndef MAQET_FORK_FORKED_H
#define MAQET_FORK_FORKED_H

#include "core/base/context.h"
#include "core/base/field.h"

struct maqet_forked {
    char *name;
    char *uuid;
    char *source;
    char *checkpoint;
    int pid;                    /* of QEMU */
    struct maqet_strings ports; /* "tcp 127.0.0.1:2223 -> 22" */
    bool discard;

    /* Of the command in its guest; 0 and NULL: there was none, or it was not run. */
    bool exec_ended;
    int exec_exit_code;
    char *exec_stdout, *exec_stderr;
};

struct maqet_forks {
    struct maqet_forked *items;
    size_t count;
};

void maqet_forked_clear(struct maqet_forked *forked);
void maqet_forks_clear(struct maqet_forks *forks);

#define _cleanup_forks_ _cleanup_(maqet_forks_clear)

/* Its members, for another process. */
extern const struct maqet_fields maqet_forked_fields;

#endif
