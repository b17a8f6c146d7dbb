/* SPDX-License-Identifier: MIT */
/*
 * revert.h - drives go back to a snapshot, all or none: their present state is kept as a
 * snapshot of its own until the last one has reverted. It is what the load of a snapshot
 * and that of a checkpoint have in common, whose rows begin with these phases.
 */
#ifndef MAQET_SNAPSHOT_REVERT_H
#define MAQET_SNAPSHOT_REVERT_H

#include "core/snapshot/session.h"

/* The name of the snapshots that keep the present state, which no user can give. */
#define MAQET_SAVED_STATE ".maqet-before-load"

enum maqet_revert_phase {
    MAQET_REVERT_PREPARE, /* nothing has reverted yet */
    MAQET_REVERT_DRIVES,  /* some drives may have: finish it */
    MAQET_REVERT_UNDO,    /* it has failed: go back */
    MAQET_REVERT_COUNT,
};

/* What finishing each of them does (struct maqet_job_phase). */
char *maqet_revert_finishing_prepare(const struct maqet_journal *journal,
                                     const char *drives);
char *maqet_revert_finishing_drives(const struct maqet_journal *journal,
                                    const char *drives);
char *maqet_revert_finishing_undo(const struct maqet_journal *journal,
                                  const char *drives);

/* For the rows: whether several drives can keep their state. */
int maqet_revert_check(const struct maqet_job *job, const struct maqet_drive *drive,
                       struct maqet_error **err);

/* Begins a job of a kind that reverts the members to their snapshots of that name. */
int maqet_revert_begin(struct maqet_session *session, const struct maqet_job_kind *kind,
                       const char *name, struct maqet_error **err);

/* Reverts the members to their snapshots of that name, all or none; QEMU does not run, and
 * their lists are fresh. The job is in its first phase, and in the second one afterwards;
 * the history is noted, and not saved. */
int maqet_revert_drives(struct maqet_session *session, const char *name,
                        struct maqet_error **err);

/* Puts right what is left of it: finishes it where drives have begun to revert, and undoes
 * it where that fails. @done says what it means to have it finished. */
int maqet_revert_put_right(struct maqet_session *session, const char *done,
                           struct maqet_error **err);

#endif
