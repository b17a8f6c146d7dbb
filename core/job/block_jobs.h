/* SPDX-License-Identifier: MIT */
/*
 * block_jobs.h - QEMU's own jobs (QEMU: qapi/job.json), which commands such as
 * blockdev-create, blockdev-backup, blockdev-mirror and block-commit begin: maqet waits
 * for one, shows its progress, and cancels it when it takes too long. If maqet is killed,
 * the job goes on, and the recovery of maqet's job cancels it.
 *
 * The command that begins one sets its id, and "auto-dismiss": false if it has that
 * option, so that the reason of a failure is still there.
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
                         * then it goes on until it is completed or cancelled */
};

/* Waits for a job of a running machine, and dismisses it; the monitor is free for others
 * in between. MAQET_ERROR_FAILED: it failed, with QEMU's reason; MAQET_ERROR_TIMEOUT: it
 * was cancelled; MAQET_ERROR_STATE: QEMU has ended; MAQET_ERROR_MISSING: there is no such
 * job. */
int maqet_block_job_wait(struct maqet_opened *machine, const struct maqet_block_job *job,
                         struct maqet_error **err);

/* Completes a job that is ready, and waits for its end. */
int maqet_block_job_complete(struct maqet_opened *machine,
                             const struct maqet_block_job *job, struct maqet_error **err);

/* Cancels a job, and waits until it is gone. It need not exist. */
int maqet_block_job_cancel(struct maqet_opened *machine, const char *id,
                           struct maqet_error **err);

/* Has QEMU write to the disk what it keeps of a node in memory, before the node is closed, which tells no
 * errors. MAQET_ERROR_FAILED: it cannot, with QEMU's reason. */
int maqet_block_flush(struct maqet_opened *machine, const char *drive, const char *node,
                      struct maqet_error **err);

#endif
