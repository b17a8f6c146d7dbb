/* SPDX-License-Identifier: MIT */
/*
 * kinds.h - the list of all kinds of job, for context->job_kinds. It is above the floors
 * whose rows it lists.
 */
#ifndef MAQET_KINDS_H
#define MAQET_KINDS_H

#include "core/job/kind.h"

/* Ended by NULL. */
extern const struct maqet_job_kind *const maqet_kinds[];

#endif
