/* SPDX-License-Identifier: MIT */
/*
 * interrupted.h - what an interrupted job was, and whether its recovery may go on without
 * asking: it must not undo or discard what was done to the images since.
 */
#ifndef MAQET_JOB_INTERRUPTED_H
#define MAQET_JOB_INTERRUPTED_H

#include "core/job/job.h"

/* "load of snapshot 'keep' was interrupted on 2026-01-31 12:00:00". The caller frees. */
char *maqet_interrupted_text(const struct maqet_journal *journal);

/* What finishing it does now, and what is lost by that: "reverts drives ...". The caller
 * frees. */
char *maqet_interrupted_finish_text(const struct maqet_journal *journal);

/* Adds what is not as the job left it, a phrase for each image; none: a recovery discards
 * nothing. The machine's drives are loaded. */
void maqet_interrupted_changes(const struct maqet_job *job,
                               struct maqet_strings *changes);

/* MAQET_ERROR_STATE where there is anything of that, with the ways out. */
int maqet_interrupted_check(const struct maqet_job *job, struct maqet_error **err);

/* Says in a warning that a job is pending, for commands that only look. */
void maqet_interrupted_warn(const struct maqet_job *job);

#endif
