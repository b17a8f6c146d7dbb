/* SPDX-License-Identifier: MIT */
/*
 * kinds.h - all kinds of job that there are. It stands above the floors, whose rows it
 * lists: for context->job_kinds.
 */
#ifndef MAQET_KINDS_H
#define MAQET_KINDS_H

#include "core/job/kind.h"

/* Ended by NULL. */
extern const struct maqet_job_kind *const maqet_kinds[];

#endif
