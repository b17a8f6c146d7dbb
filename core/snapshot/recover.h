/* SPDX-License-Identifier: MIT */
/*
 * recover.h - what the user has done about an interrupted job, and about what had to wait
 * until the machine was stopped.
 */
#ifndef MAQET_SNAPSHOT_RECOVER_H
#define MAQET_SNAPSHOT_RECOVER_H

#include "core/job/recover.h"

/* maqet_job_decide(), and what had to wait until the machine was stopped is done. */
int maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                           enum maqet_recovery_way way, bool *pending,
                           struct maqet_strings *kept, struct maqet_error **err);

#endif
