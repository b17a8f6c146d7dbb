/* SPDX-License-Identifier: MIT */
/*
 * clone.h - new machines like another one, which may be running: with overlays on frozen nodes of
 * its drives, or with copies of them.
 */
#ifndef MAQET_CLONE_CLONE_H
#define MAQET_CLONE_CLONE_H

#include "core/clone/plan.h"
#include "core/job/kind.h"

struct maqet_clone_request {
    const char *vm;       /* name or UUID */
    const char *name;     /* of the clone; with a count, of NAME-1 and so on */
    const char *snapshot; /* NULL: the present state */
    enum maqet_clone_way way;
    unsigned count; /* 0: one, of exactly that name */
};

struct maqet_cloned {
    char *name;
    char *uuid;
    char *source;
    bool linked;
    struct maqet_strings ports; /* "tcp 127.0.0.1:2222 -> 2223" */
};

struct maqet_clones {
    struct maqet_cloned *items;
    size_t count;
};

void maqet_clones_clear(struct maqet_clones *clones);
#define _cleanup_clones_ _cleanup_(maqet_clones_clear)

/* Clones a machine. Each clone is complete or is not there; *clones gets those that are, also
 * if a later one fails. */
int maqet_vm_clone(const struct maqet_context *context,
                   const struct maqet_clone_request *request, struct maqet_clones *clones,
                   struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_clone;

#endif
