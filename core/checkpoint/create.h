/* SPDX-License-Identifier: MIT */
/*
 * create.h - creates checkpoints.
 */
#ifndef MAQET_CHECKPOINT_CREATE_H
#define MAQET_CHECKPOINT_CREATE_H

#include "core/base/context.h"
#include "core/checkpoint/request.h"
#include "core/job/kind.h"

struct maqet_checkpoint_receipt {
    enum maqet_migration_method method;
    char *reason;      /* why it is not the preferred method; NULL: it is */
    char *unmappable;  /* why a load must read the memory; NULL: it maps it */
    double pause;      /* ms for which the guest was paused, by QEMU's clock */
    double wall;       /* ms for all of it */
    int64_t allocated; /* bytes that its files take on the disk */
    int64_t length;    /* of these files, in bytes; more if they have holes */
    struct maqet_strings drives;
};

void maqet_checkpoint_receipt_clear(struct maqet_checkpoint_receipt *receipt);

/* Needs vm, name, method, limit. The guest is running afterwards, even after an error. */
int maqet_checkpoint_create(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request,
                            struct maqet_checkpoint_receipt *receipt,
                            struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_checkpoint_create;

#endif
