/* SPDX-License-Identifier: MIT */
/*
 * job.h - what can be interrupted, from its first step to its last. A job is planned (what
 * kind, which drives), begun, led from phase to phase, and done; or it fails, and is
 * recovered at once. Whatever ends it in between, the next who opens the machine finds it
 * (recover.h).
 *
 * A signal that ends maqet (Ctrl-C is SIGINT) is not caught: no step is cut short in a way
 * that a kill would not cut it, and recovery is the same for all of them. Helpers die with
 * us, the child that seals the journal doesn't (seal.h).
 */
#ifndef MAQET_JOB_JOB_H
#define MAQET_JOB_JOB_H

#include "core/job/journal.h"
#include "core/job/seal.h"
#include "core/machine/opened.h"
#include "core/storage/snapshots.h"

struct maqet_job {
    struct maqet_opened *machine; /* whose lock is held by whoever changes anything */
    struct maqet_journal journal; /* what is pending, or under way */
    struct maqet_error *damage;   /* the journal can't be read; NULL: it can */
    struct maqet_child seal;      /* while the job, or its recovery, is under way */
    bool own;                     /* it was begun here, and not found */
    bool agreed;   /* the user wants it finished, whatever happened to the images since */
    void *command; /* what began it, which its recover function goes on with; NULL: it was
                    * found */
};

/* Reads what is pending at a machine. That it can't be read is an error (damage) for
 * whoever changes something; others can still look. */
void maqet_job_find(struct maqet_job *job, struct maqet_opened *machine);

/* Lets go of it: one that came to no end has left the images so. The machine stays the
 * caller's, and has its lock until then. */
void maqet_job_clear(struct maqet_job *job);

#define _cleanup_job_ _cleanup_(maqet_job_clear)

/* ---- what it is to be ---- */

void maqet_job_plan(struct maqet_job *job, const struct maqet_job_kind *kind,
                    const char *name);

/* Adds a drive; @snapshot is that which the job is about, NULL: none. */
void maqet_job_add_target(struct maqet_job *job, const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot);

/* ---- its course ---- */

/* Writes it down; it is pending from here on. What could only fail halfway is not begun:
 * an image that another program holds, that is damaged, or that others depend on is an
 * error before that. */
int maqet_job_begin(struct maqet_job *job, struct maqet_error **err);

/* Goes on to another phase of its kind, by the index of its row; on error it is still in
 * the one before. */
int maqet_job_phase(struct maqet_job *job, size_t phase, struct maqet_error **err);

/* It is over. */
int maqet_job_done(struct maqet_job *job, struct maqet_error **err);

/* Says where the images of its drives have no room left. */
void maqet_job_hint_space(const struct maqet_job *job, struct maqet_error **err);

/* Shows how far it is: @what names it, @done of @total (0: nobody knows) since @begun, on
 * the clock of maqet_now(). */
void maqet_job_show(const struct maqet_context *context, const char *what, uint64_t done,
                    uint64_t total, int64_t begun);

/* There is nothing more to be shown. */
void maqet_job_show_end(const struct maqet_context *context);

/* ---- for recovery ---- */

/* The drive of one of its targets; NULL: the machine has none of that name any more. */
const struct maqet_drive *maqet_job_drive(const struct maqet_job *job, size_t target);

/* Writes the journal down again for a recovery that begins, which is watched over as the
 * job itself was. */
int maqet_job_resume(struct maqet_job *job, struct maqet_error **err);

/* Says in a warning what has become of it: "VM 'web': creation of snapshot 'new' was
 * interrupted; @what". */
void maqet_job_say(const struct maqet_job *job, const char *what);

/* The same, but what this very command began and has made nothing of is its error, and no
 * more. */
void maqet_job_say_nothing_left(const struct maqet_job *job, const char *what);

#endif
