/* SPDX-License-Identifier: MIT */
/*
 * remove.h - removes a machine, and its files or some of them.
 */
#ifndef MAQET_LIFECYCLE_REMOVE_H
#define MAQET_LIFECYCLE_REMOVE_H

#include "core/base/context.h"

struct maqet_remove {
    bool force;          /* kill QEMU if it runs; else a running machine is an error */
    bool delete_storage; /* delete the images that maqet has created */
};

enum maqet_removed_kind {
    MAQET_REMOVED_MEMORY,
    MAQET_REMOVED_IMAGE,
    MAQET_REMOVED_STORAGE, /* it is not a file of this host */
};

/* "memory" (of a checkpoint), "image" or "storage"; NULL after the last one. */
const char *maqet_removed_kind_name(unsigned kind);

/* A file of a machine that is removed, or other storage. */
struct maqet_removal_file {
    char *path;  /* of storage that is not a file: maqet_drive_place() */
    char *drive; /* of such storage; NULL: it is a file */
    enum maqet_removed_kind kind;
    uint64_t size; /* bytes that it takes on the disk */
    bool removed;  /* it is, or will be, deleted */
    char *reason;  /* why, or why not, as a phrase; never NULL */
};

struct maqet_removal {
    struct maqet_removal_file *files;
    size_t count;
};

void maqet_removal_clear(struct maqet_removal *removal);

#define _cleanup_removal_ _cleanup_(maqet_removal_clear)

/* What removing a machine now would do to its files. */
int maqet_vm_plan_removal(const struct maqet_context *context, const char *name,
                          const struct maqet_remove *how, struct maqet_removal *plan,
                          struct maqet_error **err);

/* Whether a machine could be removed without force: it is not running, and its folder
 * contains only files of maqet. */
int maqet_vm_removable(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

struct maqet_opened;

/* The same for an opened machine, which is locked and stopped; @receipt as below. */
int maqet_opened_remove(struct maqet_opened *machine, const struct maqet_remove *how,
                        struct maqet_removal *receipt, struct maqet_error **err);

/* Removes a machine. @receipt tells what was done to its files, as the plan does. */
int maqet_vm_remove(const struct maqet_context *context, const char *name,
                    const struct maqet_remove *how, struct maqet_removal *receipt,
                    struct maqet_error **err);

#endif
