/* SPDX-License-Identifier: MIT */
/*
 * kind.h - the kinds of job: what can be interrupted, by a kill or a power cut, and is
 * recovered afterwards. Each kind is one row beside its code. core/kinds.c lists them for
 * the context, so that opening a machine finds the row of a pending job.
 */
#ifndef MAQET_JOB_KIND_H
#define MAQET_JOB_KIND_H

#include "core/base/error.h"
#include "core/base/text.h"

struct maqet_job;
struct maqet_session;

/* A phase of a job: what is certain once the phase is recorded. */
struct maqet_job_phase {
    const char *word;   /* in pending.json */
    const char *former; /* "operation" in that of an earlier maqet; NULL: it had none */

    /* The drives' present state is being replaced, while QEMU does not run. Finishing the
     * job discards what was written to an image since, so the user is asked first. */
    bool reverts;
    bool without_images; /* finishing it concerns QEMU alone, and needs no image */

    /* What finishing it now does, and what that loses, as a predicate with "{name}" and
     * "{drives}": "reverts {drives} ...". */
    const char *finishing;
    const char *finishing_several; /* for several drives; NULL: the same */
};

struct maqet_job_kind {
    const char *word; /* in pending.json */
    const char *noun; /* in messages, before the job's name: "creation of snapshot" */
    const struct maqet_job_phase *phases; /* MAQET_JOB_PHASES; it begins in the first */
    size_t phase_count;
    const char *file;  /* in the machine's folder, where it is recorded instead of in
                        * pending.json, since there may be several; NULL: it is not */
    bool blocks_start; /* no guest may start before it is recovered */

    /* Of those about snapshots. */
    bool needs_stand_in;     /* its recovery needs to know the stand-in's name */
    bool makes_snapshots;    /* of all targets: their images must be able to store one */
    bool makes_set;          /* each target is to have one of the job's name */
    bool only_recorded;      /* it creates none: only the recorded ones concern it */
    const char *saved_state; /* the name of the snapshots that hold the drives' present
                              * state meanwhile; NULL: there are none */

    /* The part of maqet_session_recover() that depends on the kind. */
    int (*recover_session)(struct maqet_session *session, struct maqet_error **err);

    /* Recovers what is left, and ends the job by maqet_job_done(). It decides by what it
     * finds, so that an interrupted recovery can be repeated. */
    int (*recover)(struct maqet_job *job, struct maqet_error **err);

    /* Ends what must not stay when the user wants the images left alone, such as a paused
     * guest. @kept gets phrases about what stays in the images. NULL: nothing to do. */
    int (*forget)(struct maqet_job *job, struct maqet_strings *kept,
                  struct maqet_error **err);
};

/* The rows of a kind's phases. */
#define MAQET_JOB_PHASES(...)                                                            \
    .phases = (const struct maqet_job_phase[]){__VA_ARGS__},                             \
    .phase_count = sizeof((const struct maqet_job_phase[]){__VA_ARGS__}) /               \
                   sizeof(struct maqet_job_phase)

#endif
