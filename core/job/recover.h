/* SPDX-License-Identifier: MIT */
/*
 * recover.h - finishes or undoes a job that was interrupted, when a command next opens the
 * machine, or one that has failed, at once. If the images are not as the job left them, the
 * user decides.
 */
#ifndef MAQET_JOB_RECOVER_H
#define MAQET_JOB_RECOVER_H

#include "core/job/job.h"

/* Recovers the job that is pending for a locked machine, and says what was done.
 * MAQET_ERROR_STATE: the user has to decide. For context->recover, which is called when a
 * machine is opened. If a job that does not block a start cannot be recovered now, that is
 * a warning. */
int maqet_job_recover(struct maqet_opened *machine, struct maqet_error **err);

/* After a failed step: recovers the job, silently if that succeeds, and adds hints about
 * images without space to *err, the error of the step. Returns -1. */
int maqet_job_fail(struct maqet_job *job, struct maqet_error **err);

/* Whether others may have written to a file that the job has created: a job that was found
 * may have been interrupted long ago. True if in doubt, and without a path. */
bool maqet_job_written_since(const struct maqet_job *job, const char *path);

/* ---- what the user decides ---- */

/* How an interrupted job is recovered. */
enum maqet_recovery_way {
    MAQET_RECOVERY_SAFE,   /* recover it if that discards nothing, else an error */
    MAQET_RECOVERY_FINISH, /* whatever happened to the images since */
    MAQET_RECOVERY_FORGET, /* leave the images as they are */
};

/* What is pending, for the user to decide. */
struct maqet_interruption {
    char *what;   /* "VM 'b': load of snapshot 'a' was interrupted"; NULL: nothing was */
    char *finish; /* what finishing it does: "reverts ..."; NULL: that is impossible */
    struct maqet_strings changes; /* what is not as the job left it */
};

void maqet_interruption_clear(struct maqet_interruption *interruption);

#define _cleanup_interruption_ _cleanup_(maqet_interruption_clear)

/* Changes nothing. */
int maqet_job_interruption(const struct maqet_context *context, const char *vm,
                           struct maqet_interruption *interruption,
                           struct maqet_error **err);

/* Ends an interrupted job. *pending: there was one. @kept gets phrases about what is left of
 * it, which the user may want to delete. */
int maqet_job_decide(const struct maqet_context *context, const char *vm,
                     enum maqet_recovery_way way, bool *pending,
                     struct maqet_strings *kept, struct maqet_error **err);

/* Warns that a job is pending, for commands that only look. */
void maqet_interrupted_warn(const struct maqet_job *job);

#endif
