/* SPDX-License-Identifier: MIT */
/*
 * block_jobs.h - jobs of QEMU's own (QEMU: qapi/job.json): what it does by itself after a
 * command as blockdev-create, blockdev-backup, blockdev-mirror or block-commit. One is
 * waited for until it is over, with its progress shown, and given up when it takes too
 * long. It goes on when we are killed: the recovery of a job of ours cancels it.
 *
 * The command that begins one gives it the id, and says "auto-dismiss": false where it
 * knows that, so that what went wrong can still be asked.
 */
#ifndef MAQET_JOB_BLOCK_JOBS_H
#define MAQET_JOB_BLOCK_JOBS_H

#include "core/machine/opened.h"

struct maqet_block_job {
    const char *id;
    const char *what; /* for its progress: "VM 'web', drive 'hdd': copied" */
    int64_t limit;    /* ms for all of it; negative: none */
    bool
        ready_is_over; /* wait only until both sides are the same (mirror, active commit);
                         * it goes on then until it is completed or cancelled */
};

/* Waits for it at a machine that runs; others get the monitor in between. One that is over
 * is dismissed. MAQET_ERROR_FAILED: with QEMU's words for why; MAQET_ERROR_TIMEOUT: it was
 * cancelled; MAQET_ERROR_STATE: QEMU has ended; MAQET_ERROR_MISSING: there is no such job.
 */
int maqet_block_job_wait(struct maqet_opened *machine, const struct maqet_block_job *job,
                         struct maqet_error **err);

/* Lets one that is ready take effect, and waits for its end. */
int maqet_block_job_complete(struct maqet_opened *machine,
                             const struct maqet_block_job *job, struct maqet_error **err);

/* Gives it up, and waits until it is gone. There may be none of that id. */
int maqet_block_job_cancel(struct maqet_opened *machine, const char *id,
                           struct maqet_error **err);

#endif
