/* SPDX-License-Identifier: MIT */
/*
 * recover.h - what an interrupted job has left is put right: by whoever next opens the
 * machine to work at it, or by the job itself when a step of it has failed. Where the
 * images are not as the job left them, it is the user who decides.
 */
#ifndef MAQET_JOB_RECOVER_H
#define MAQET_JOB_RECOVER_H

#include "core/job/job.h"

/* Puts right what is pending at a machine whose lock is held, and says what was done;
 * MAQET_ERROR_STATE where the user has to decide. For context->recover: opening a machine
 * calls it. One that keeps no guest from starting is a warning where it can't be put
 * right now. */
int maqet_job_recover(struct maqet_opened *machine, struct maqet_error **err);

/* After a failed step: puts right what the job has left so far, quietly where that works,
 * and says where images have no room left; *err stays the error that it failed with.
 * Returns -1. */
int maqet_job_fail(struct maqet_job *job, struct maqet_error **err);

/* ---- what the user decides ---- */

/* What is to become of an interrupted job. */
enum maqet_recovery_way {
    MAQET_RECOVERY_SAFE,   /* put it right where that discards nothing, else an error */
    MAQET_RECOVERY_FINISH, /* whatever happened to the images since */
    MAQET_RECOVERY_FORGET, /* leave the images as they are */
};

/* What is pending, for whoever has to decide. */
struct maqet_interruption {
    char *what;   /* "VM 'b': load of snapshot 'a' was interrupted"; NULL: nothing was */
    char *finish; /* what finishing it does: "reverts ..."; NULL: it can't be finished */
    struct maqet_strings changes; /* what is not as the job left it */
};

void maqet_interruption_clear(struct maqet_interruption *interruption);

#define _cleanup_interruption_ _cleanup_(maqet_interruption_clear)

/* Looks, and changes nothing. */
int maqet_job_interruption(const struct maqet_context *context, const char *vm,
                           struct maqet_interruption *interruption,
                           struct maqet_error **err);

/* Puts an interrupted job to an end. *pending tells whether there was one; @kept gets
 * phrases about what is left of it that the user may want to delete. */
int maqet_job_decide(const struct maqet_context *context, const char *vm,
                     enum maqet_recovery_way way, bool *pending,
                     struct maqet_strings *kept, struct maqet_error **err);

/* ---- who only looks ---- */

/* Says in a warning that a job is pending. */
void maqet_interrupted_warn(const struct maqet_job *job);

#endif
