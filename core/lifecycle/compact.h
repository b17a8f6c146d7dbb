/* SPDX-License-Identifier: MIT */
/*
 * compact.h - makes images smaller: of what is stored in them, what the guest does not need is
 * given back to the host. A stopped machine's images lose what reads as zero; the guest of
 * one that runs is asked to discard what its file systems do not use.
 */
#ifndef MAQET_LIFECYCLE_COMPACT_H
#define MAQET_LIFECYCLE_COMPACT_H

#include "core/base/context.h"

struct maqet_compacted {
    char *drive;
    char *file; /* that the guest writes to: its image, or the topmost overlay */
    uint64_t before, after; /* bytes that it takes up in the file system */
};

struct maqet_compacted_list {
    struct maqet_compacted *items;
    size_t count;
    bool running; /* the guest has done it */
};

void maqet_compacted_clear(struct maqet_compacted_list *list);

#define _cleanup_compacted_ _cleanup_(maqet_compacted_clear)

/* Compacts the images of some drives, by their names; of all that can be compacted if @drives
 * is empty. */
int maqet_vm_compact(const struct maqet_context *context, const char *vm,
                     const struct maqet_strings *drives,
                     struct maqet_compacted_list *list, struct maqet_error **err);

#endif
