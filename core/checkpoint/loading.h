/* SPDX-License-Identifier: MIT */
/*
 * loading.h - opens a checkpoint to load it, or to fork it, and checks that it fits.
 */
#ifndef MAQET_CHECKPOINT_LOADING_H
#define MAQET_CHECKPOINT_LOADING_H

#include "core/checkpoint/request.h"
#include "core/lifecycle/start.h"
#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

struct maqet_loading {
    struct maqet_session *session; /* its members: the checkpoint's drives */
    struct maqet_checkpoint about;
    struct maqet_incoming incoming;
    char *verified;    /* see maqet_state_file_open */
    char *memory_file; /* or NULL */
};

#define MAQET_LOADING_INIT ((struct maqet_loading){.incoming = {.fd = -1}})

/* Opens the machine and the checkpoint, and checks all that could prevent loading it. */
int maqet_loading_open(const struct maqet_context *context,
                       const struct maqet_checkpoint_request *request,
                       struct maqet_loading *loading, struct maqet_error **err);

/* Whether the drives have the snapshots that the memory belongs to. @loading is a struct
 * maqet_loading: for maqet_revert_run(). */
int maqet_loading_check_drives(const void *loading, struct maqet_error **err);

/* Whether QEMU must be let open the file that it maps. */
bool maqet_loading_must_be_let(const struct maqet_loading *loading);

/* Lets QEMU open the file that it maps, or no longer; nothing if it need not be let. */
int maqet_loading_let_open(const struct maqet_loading *loading, bool open,
                           struct maqet_error **err);

/* Starts the opened machine with a definition (taken), from the checkpoint. */
int maqet_loading_start(struct maqet_loading *loading,
                        struct maqet_definition *definition, int64_t timeout,
                        struct maqet_error **err);

void maqet_loading_clear(struct maqet_loading *loading);

#define _cleanup_loading_ _cleanup_(maqet_loading_clear)

#endif
