/* SPDX-License-Identifier: MIT */
/*
 * one.h - one fork: it is stored together with its job, before it has an image. So if it is
 * interrupted before its guest runs, the next command that opens it removes it. Nothing that is
 * written meanwhile is worth anything before the job is done, so it goes to the disk just before
 * that, together with what was written for other forks.
 */
#ifndef MAQET_FORK_ONE_H
#define MAQET_FORK_ONE_H

#include "core/base/durable.h"
#include "core/checkpoint/loading.h"
#include "core/clone/plan.h"
#include "core/fork/forked.h"
#include "core/job/kind.h"

/* What all forks of one command have in common. */
struct maqet_forking {
    const struct maqet_context *context;
    struct maqet_loading loading;      /* the source, and its checkpoint */
    struct maqet_clone_plan plan;      /* of the drives */
    const struct maqet_strings *ports; /* as the user wants them */
    bool discard;
    bool shows; /* for a run: no image is created, and shares are only read */
    int64_t timeout;
    struct maqet_durable written; /* for forks whose jobs are not done yet */
};

/* Its definition. NULL on error. */
struct maqet_definition *maqet_fork_define(const struct maqet_forking *forking,
                                           const char *name, struct maqet_error **err);

/* Stores it, with its job, or, without one (NULL), held (*held, maqet_fork_hold()) from the moment in which it has its
 * name; *held is the caller's also after an error. *uuid (may be NULL) gets its UUID. */
int maqet_fork_add(struct maqet_forking *forking, const char *name, struct maqet_job *job,
                   int *held, char **uuid, struct maqet_error **err);

/* Starts it; @incoming is that of the loading, but for the descriptor of the state. */
int maqet_fork_start(struct maqet_forking *forking, struct maqet_opened *machine,
                     struct maqet_incoming incoming, struct maqet_error **err);

/* Its process, and its ports, with its definition loaded. */
int maqet_fork_report(struct maqet_opened *machine, struct maqet_forked *forked,
                      struct maqet_error **err);

/* One whose QEMU has loaded the state, with its job. */
struct maqet_fork_loaded {
    struct maqet_opened *machine;
    struct maqet_job job;
    struct maqet_replacement draft; /* of its next phase */
    bool ours;                      /* it is the one that was stored */
    bool paused;                    /* its guest is to be resumed */
};

/* Makes it, and starts it; its guest does not run yet if the incoming of the loading says that it
 * stands. *forked and *loaded get it; the caller clears both also after an error. */
int maqet_fork_load(struct maqet_forking *forking, const char *name,
                    struct maqet_forked *forked, struct maqet_fork_loaded *loaded,
                    struct maqet_error **err);

/* Removes it again, since nobody has been told of it; *err may tell why. */
void maqet_fork_give_up(struct maqet_fork_loaded *loaded, struct maqet_error **err);

/* Has all that was written for forks on the disk: once they are loaded, and once they are ready. What is
 * discarded need not survive a power failure. */
int maqet_fork_write_out(struct maqet_forking *forking, struct maqet_error **err);

/* Records that its guest is about to be resumed, so that it stays after a power failure. */
int maqet_fork_ready(struct maqet_forking *forking, struct maqet_fork_loaded *loaded,
                     struct maqet_error **err);

/* Begins to resume its guest. */
int maqet_fork_resume(struct maqet_fork_loaded *loaded, struct maqet_error **err);

/* Waits until its guest runs. */
int maqet_fork_await(struct maqet_fork_loaded *loaded, struct maqet_error **err);

/* Ends its job, of which nothing has to be on the disk. Others get the machine's lock when it is cleared. */
int maqet_fork_finish(struct maqet_forking *forking, struct maqet_fork_loaded *loaded,
                      struct maqet_error **err);

#define MAQET_FORK_LOADED_INIT                                                           \
    {                                                                                    \
        .draft = MAQET_REPLACEMENT_INIT                                                  \
    }

void maqet_fork_loaded_clear(struct maqet_fork_loaded *loaded);

extern const struct maqet_job_kind maqet_kind_fork;

#endif
