/* SPDX-License-Identifier: MIT */
/*
 * list.h - lists checkpoints.
 */
#ifndef MAQET_CHECKPOINT_LIST_H
#define MAQET_CHECKPOINT_LIST_H

#include "core/machine/checkpoint_files.h"

struct maqet_checkpoints {
    struct maqet_checkpoint *items;
    size_t count;
};

void maqet_checkpoints_clear(struct maqet_checkpoints *checkpoints);

#define _cleanup_checkpoints_ _cleanup_(maqet_checkpoints_clear)

/* Adds all checkpoints of a machine to an empty list, the oldest first. */
int maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                          struct maqet_checkpoints *list, struct maqet_error **err);

#endif
