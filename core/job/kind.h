/* SPDX-License-Identifier: MIT */
/*
 * kind.h - the kinds of job that there are: what can be interrupted, by a kill as by a
 * power cut, and is put right afterwards. Each is one row beside what it does;
 * core/kinds.c lists them, and the context has that list, so that whoever opens a machine
 * finds the row of what is pending without knowing it.
 */
#ifndef MAQET_JOB_KIND_H
#define MAQET_JOB_KIND_H

#include "core/base/error.h"
#include "core/base/text.h"

struct maqet_job;
struct maqet_session;

/* A phase of a job: what is known to hold from the moment in which it is written down. */
struct maqet_job_phase {
    const char *word; /* in pending.json */
    const char
        *former; /* "operation" in that of an earlier maqet; NULL: there was none */

    /* The drives' present state is being replaced. QEMU does not run, and going on
     * discards what was written to an image since: the user is asked then. */
    bool reverts;
    bool without_images; /* going on is a matter of QEMU alone, and needs no image */

    /* What finishing it does now, and what is lost by that, as a predicate with "{name}" and
     * "{drives}": "reverts {drives} ...". */
    const char *finishing;
    const char *finishing_several; /* NULL: that is so for several drives, too */
};

struct maqet_job_kind {
    const char *word; /* in pending.json */
    const char *noun; /* in messages, before the job's name: "creation of snapshot" */
    const struct maqet_job_phase *phases; /* it begins in the first one */
    size_t phase_count;
    const char *file;  /* in the machine's folder, where it is recorded in the place of
                         * pending.json, as there may be several; NULL: it isn't */
    bool blocks_start; /* no guest may start before it is put right */

    /* Of those about snapshots. */
    bool needs_stand_in;     /* its recovery needs to know the stand-in's name */
    bool makes_snapshots;    /* of all targets: their images must be able to keep one */
    bool makes_set;          /* each target is to have one of the job's name */
    bool only_recorded;      /* it makes none: only those recorded are its business */
    const char *saved_state; /* the name of those that keep the drives' present state
                              * meanwhile; NULL: there are none */

    /* What maqet_session_recover() does between finding the job's drives and ending it. */
    int (*put_right)(struct maqet_session *session, struct maqet_error **err);

    /* Puts right what is left, and ends the job by maqet_job_done(). What is found decides,
     * so that one which is interrupted in its turn is done again. */
    int (*recover)(struct maqet_job *job, struct maqet_error **err);

    /* What can't be left as it is when the user wants the images left alone: a guest that
     * stands still. @kept gets phrases about what stays in the images. NULL: nothing. */
    int (*forget)(struct maqet_job *job, struct maqet_strings *kept,
                  struct maqet_error **err);
};

#endif
