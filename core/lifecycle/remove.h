/* SPDX-License-Identifier: MIT */
/*
 * remove.h - forgetting a machine, and what becomes of its files.
 */
#ifndef MAQET_LIFECYCLE_REMOVE_H
#define MAQET_LIFECYCLE_REMOVE_H

#include "core/base/context.h"

struct maqet_remove {
    bool force;          /* kill QEMU when it runs; else a running machine is an error */
    bool delete_storage; /* remove the images that we made */
};

enum maqet_removed_kind { MAQET_REMOVED_MEMORY, MAQET_REMOVED_IMAGE };

/* "memory" (a checkpoint's) or "image"; NULL after the last one. */
const char *maqet_removed_kind_name(unsigned kind);

/* A file of a machine that goes. */
struct maqet_removal_file {
    char *path;
    enum maqet_removed_kind kind;
    uint64_t size; /* bytes that it takes on the disk */
    bool removed;  /* it goes, or has gone */
    char *reason;  /* why it goes or stays, as a phrase; never NULL */
};

/* What becomes of all of them. */
struct maqet_removal {
    struct maqet_removal_file *files;
    size_t count;
};

void maqet_removal_clear(struct maqet_removal *removal);

#define _cleanup_removal_ _cleanup_(maqet_removal_clear)

/* What removing a machine would come to, as of now. */
int maqet_vm_plan_removal(const struct maqet_context *context, const char *name,
                          const struct maqet_remove *how, struct maqet_removal *plan,
                          struct maqet_error **err);

/* Whether a machine could be removed without force: it does not run, and its folder holds
 * nothing of somebody else. */
int maqet_vm_removable(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Forgets a machine. @receipt tells what has become of its files, as the plan does. */
int maqet_vm_remove(const struct maqet_context *context, const char *name,
                    const struct maqet_remove *how, struct maqet_removal *receipt,
                    struct maqet_error **err);

#endif
