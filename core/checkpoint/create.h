/* SPDX-License-Identifier: MIT */
/*
 * create.h - making checkpoints.
 */
#ifndef MAQET_CHECKPOINT_CREATE_H
#define MAQET_CHECKPOINT_CREATE_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/checkpoint/request.h"
#include "core/job/kind.h"

/* How creating went. */
struct maqet_checkpoint_receipt {
    enum maqet_migration_method method;
    char *reason;      /* why not the first method of all; NULL: it was */
    double pause;      /* ms for which the guest stood still, by QEMU's own clock */
    double wall;       /* ms that all of it took */
    int64_t allocated; /* bytes that the state file takes on the disk */
    int64_t length;    /* of the state file, in bytes; with holes it is more */
    struct maqet_strings drives;
};

void maqet_checkpoint_receipt_clear(struct maqet_checkpoint_receipt *receipt);

/* Needs vm, name, method, limit. In the end the guest runs on, whatever happened. */
int maqet_checkpoint_create(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request,
                            struct maqet_checkpoint_receipt *receipt,
                            struct maqet_error **err);

/* The row of this job. */
extern const struct maqet_job_kind maqet_kind_checkpoint_create;

#endif
