/* SPDX-License-Identifier: MIT */
/*
 * loading.h - a checkpoint that is about to be loaded, opened and found to fit; for
 * load.c and run.c.
 */
#ifndef MAQET_CHECKPOINT_LOADING_H
#define MAQET_CHECKPOINT_LOADING_H

#include "core/checkpoint/request.h"
#include "core/snapshot/session.h"

struct maqet_loading {
    struct maqet_session *session; /* its members: the checkpoint's drives */
    json_object *about;
    int fd;         /* the file of state */
    char *verified; /* see maqet_state_file_open */
};

/* Opens the machine and the checkpoint, and looks for all that could be in the way. It is
 * to be cleared even when that failed. */
int maqet_loading_open(const struct maqet_context *context,
                       const struct maqet_checkpoint_request *request,
                       struct maqet_loading *loading, struct maqet_error **err);

/* Whether the drives have the snapshots that the memory belongs to. */
int maqet_loading_check_drives(const struct maqet_loading *loading, const char *name,
                               struct maqet_error **err);

/* Whether each page of memory has its place in the file. */
bool maqet_loading_mapped(const struct maqet_loading *loading);

void maqet_loading_clear(struct maqet_loading *loading);

#define _cleanup_loading_ _cleanup_(maqet_loading_clear)

#endif
