/* SPDX-License-Identifier: MIT */
/*
 * job.h - work that can be interrupted, from its first step to its last. A job is planned
 * (its kind and drives), begun, goes through its phases, and is done; or it fails, and is
 * recovered at once. If it is interrupted, the next command that opens the machine finds
 * it (recover.h).
 *
 * A signal that asks maqet to end, such as SIGINT (Ctrl-C), makes what waits fail, so the
 * job is recovered at once (core/base/interrupt.h); a second one interrupts it as SIGKILL
 * does, and the next command recovers it. Helpers die with maqet; the child that seals the
 * journal does not (seal.h).
 */
#ifndef MAQET_JOB_JOB_H
#define MAQET_JOB_JOB_H

#include "core/job/journal.h"
#include "core/job/seal.h"
#include "core/machine/opened.h"
#include "core/storage/snapshots.h"

struct maqet_job {
    struct maqet_opened *machine; /* locked, to change anything */
    struct maqet_journal journal; /* of the job that is pending, or in progress */
    struct maqet_error *damage;   /* why the journal cannot be read; NULL: it can */
    struct maqet_child seal;      /* while the job, or its recovery, is in progress */
    bool own;                     /* it was begun here, and not found */
    bool agreed;   /* the user wants it finished, whatever happened to the images since */
    bool said;     /* maqet_job_say() was called */
    void *command; /* what began it, for its recover function; NULL: it was found */
};

/* Reads the job that is pending for a machine. A journal that cannot be read (damage) is an
 * error only for commands that change something. */
void maqet_job_find(struct maqet_job *job, struct maqet_opened *machine);

/* Frees it. If it is not done, the images' present state is recorded. The machine stays the
 * caller's, and must still be locked. */
void maqet_job_clear(struct maqet_job *job);

#define _cleanup_job_ _cleanup_(maqet_job_clear)

/* ---- a job ---- */

void maqet_job_plan(struct maqet_job *job, const struct maqet_job_kind *kind,
                    const char *name);

/* Adds a drive; @snapshot is the one that the job is about, or NULL. */
void maqet_job_add_target(struct maqet_job *job, const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot);

/* Records it: it is pending from now on. An image that another program has open, that is
 * damaged, or that others depend on is an error before that, as the job would fail halfway.
 */
int maqet_job_begin(struct maqet_job *job, struct maqet_error **err);

/* Records another phase, by the index of its row. On error it stays in the previous one. */
int maqet_job_phase(struct maqet_job *job, size_t phase, struct maqet_error **err);

/* The same in two steps, so that the record of the phase goes to the disk together with other files: _draft writes it,
 * and _enter makes it valid. The caller cleans up the draft, also after an error. */
int maqet_job_phase_draft(struct maqet_job *job, size_t phase,
                          struct maqet_replacement *draft, struct maqet_error **err);
int maqet_job_phase_enter(struct maqet_job *job, size_t phase,
                          struct maqet_replacement *draft, struct maqet_error **err);

int maqet_job_done(struct maqet_job *job, struct maqet_error **err);

/* Records it in the folder of a machine that is about to be stored, so that it is pending from
 * the moment in which the machine exists. */
int maqet_job_begin_in(struct maqet_job *job, const char *folder,
                       struct maqet_error **err);

/* Of a machine that was stored with its job, and is locked now: goes on with it. */
int maqet_job_take(struct maqet_job *job, struct maqet_error **err);

/* The same for a job that has no helpers, and whose recovery does not ask how the images were left: it needs no child
 * that seals the journal. */
void maqet_job_take_alone(struct maqet_job *job);

/* Ends it, with its machine removed. */
void maqet_job_gone(struct maqet_job *job);

/* Adds hints about file systems without space for the images of its drives. */
void maqet_job_hint_space(const struct maqet_job *job, struct maqet_error **err);

/* ---- for recovery ---- */

/* The drive of a target; NULL: the machine no longer has one of that name. */
const struct maqet_drive *maqet_job_drive(const struct maqet_job *job, size_t target);

/* Records that a recovery begins; the journal is sealed if that is interrupted, too. */
int maqet_job_resume(struct maqet_job *job, struct maqet_error **err);

/* Warns: "VM 'web': creation of snapshot 'new' was interrupted; @what". */
void maqet_job_say(struct maqet_job *job, const char *what);

/* The same if it was found, as nothing is left of it. If this command began it, its error
 * says enough. */
void maqet_job_say_nothing_left(struct maqet_job *job, const char *what);

#endif
