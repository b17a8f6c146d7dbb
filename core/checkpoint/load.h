/* SPDX-License-Identifier: MIT */
/*
 * load.h - loads checkpoints.
 */
#ifndef MAQET_CHECKPOINT_LOAD_H
#define MAQET_CHECKPOINT_LOAD_H

#include "core/base/context.h"
#include "core/checkpoint/request.h"
#include "core/job/kind.h"

/* Whether it could be loaded, before the user is asked. *running: QEMU would be ended;
 * *silent: QEMU does not answer; *verified, which the caller frees, identifies the state
 * file that was found undamaged, so that loading need not read it again. */
int maqet_checkpoint_loadable(const struct maqet_context *context,
                              const struct maqet_checkpoint_request *request,
                              bool *running, bool *silent, char **verified,
                              struct maqet_error **err);

/* Reverts the drives and resumes the guest. Needs vm, name, timeout, running, keep. *pid
 * gets QEMU's PID. */
int maqet_checkpoint_load(const struct maqet_context *context,
                          const struct maqet_checkpoint_request *request, int *pid,
                          struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_checkpoint_load;

#endif
