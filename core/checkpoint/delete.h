/* SPDX-License-Identifier: MIT */
/*
 * delete.h - deletes checkpoints.
 */
#ifndef MAQET_CHECKPOINT_DELETE_H
#define MAQET_CHECKPOINT_DELETE_H

#include "core/base/context.h"
#include "core/checkpoint/request.h"
#include "core/job/kind.h"

/* Needs vm, name. */
int maqet_checkpoint_delete(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request,
                            struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_checkpoint_delete;

#endif
