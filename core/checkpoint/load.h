/* SPDX-License-Identifier: MIT */
/*
 * load.h - going back to a checkpoint.
 */
#ifndef MAQET_CHECKPOINT_LOAD_H
#define MAQET_CHECKPOINT_LOAD_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/checkpoint/request.h"
#include "core/job/kind.h"

/* Whether it could be loaded, before anybody is asked; *running tells whether QEMU would
 * be ended for it, *silent whether it does not answer, *verified which file of memory was
 * found to be undamaged, so that loading need not read it once more; the caller frees it.
 */
int maqet_checkpoint_loadable(const struct maqet_context *context,
                              const struct maqet_checkpoint_request *request,
                              bool *running, bool *silent, char **verified,
                              struct maqet_error **err);

/* Reverts the drives and lets the guest go on where it was. Needs vm, name, timeout,
 * running, keep. *pid gets QEMU's PID. */
int maqet_checkpoint_load(const struct maqet_context *context,
                          const struct maqet_checkpoint_request *request, int *pid,
                          struct maqet_error **err);

/* The row of this job. */
extern const struct maqet_job_kind maqet_kind_checkpoint_load;

#endif
