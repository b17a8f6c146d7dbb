/* SPDX-License-Identifier: MIT */
/*
 * verify.h - whether a checkpoint is undamaged.
 */
#ifndef MAQET_CHECKPOINT_VERIFY_H
#define MAQET_CHECKPOINT_VERIFY_H

#include "core/base/context.h"
#include "core/checkpoint/request.h"

/* Needs vm, name. Reads all files of the checkpoint, and compares their checksums; and
 * whether the drives have the snapshots that belong to it. *read: bytes of these files. The
 * VM may be running. */
int maqet_checkpoint_verify(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request, int64_t *read,
                            struct maqet_error **err);

#endif
