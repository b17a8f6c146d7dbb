/* SPDX-License-Identifier: MIT */
/*
 * removal_plan.h - which files are deleted when a machine is removed, and why.
 */
#ifndef MAQET_LIFECYCLE_REMOVAL_PLAN_H
#define MAQET_LIFECYCLE_REMOVAL_PLAN_H

#include "core/base/context.h"

struct maqet_remove {
    bool force;          /* kill QEMU if it runs; else a running machine is an error */
    bool delete_storage; /* delete the images that maqet has created */
    /* ms for which an image is waited for that something else needs: another maqet may have it
     * open for a moment, or be removing what needs it; then it stays */
    int64_t patience;
};

enum maqet_removed_kind {
    MAQET_REMOVED_MEMORY,
    MAQET_REMOVED_IMAGE,
    MAQET_REMOVED_STORAGE, /* it is not a file of this host */
    MAQET_REMOVED_OVERLAY, /* on such storage, in the machine's folder */
};

/* "memory" (of a checkpoint), "image", "storage" or "overlay"; NULL after the last one. */
const char *maqet_removed_kind_name(unsigned kind);

/* A file of a machine that is removed, or other storage. */
struct maqet_removal_file {
    char *path;  /* of storage that is not a file: maqet_drive_place() */
    char *drive; /* of such storage; NULL: it is a file */
    enum maqet_removed_kind kind;
    uint64_t size; /* bytes that it takes on the disk */
    bool removed;  /* it is, or will be, deleted */
    bool needed;   /* it stays because something else uses it, or may use it */
    char *reason;  /* why, or why not, as a phrase; never NULL */
};

struct maqet_removal {
    struct maqet_removal_file *files;
    size_t count;
};

void maqet_removal_clear(struct maqet_removal *removal);

#define _cleanup_removal_ _cleanup_(maqet_removal_clear)

/* Whether overlays on storage that is no file of this host, which are in the machine's folder and go with
 * it, may be deleted, or there are none. */
int maqet_removal_check_overlays(const struct maqet_context *context, const char *name,
                                 const struct maqet_remove *how,
                                 struct maqet_error **err);

/* What removing a machine now would do to its files. */
int maqet_vm_plan_removal(const struct maqet_context *context, const char *name,
                          const struct maqet_remove *how, struct maqet_removal *plan,
                          struct maqet_error **err);

#endif
