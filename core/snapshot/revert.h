/* SPDX-License-Identifier: MIT */
/*
 * revert.h - reverts drives to a snapshot, all or none: their present state is kept as a
 * snapshot until the last one has reverted. Loading a snapshot and loading a checkpoint have
 * this in common; their phases begin with these.
 */
#ifndef MAQET_SNAPSHOT_REVERT_H
#define MAQET_SNAPSHOT_REVERT_H

#include "core/snapshot/session.h"

/* The name of the snapshots that keep the present state, which users cannot give. */
#define MAQET_SAVED_STATE ".maqet-before-load"

enum maqet_revert_phase {
    MAQET_REVERT_PREPARE, /* nothing has reverted yet */
    MAQET_REVERT_DRIVES,  /* some drives may have reverted: finish it */
    MAQET_REVERT_UNDO,    /* it has failed: undo it */
    MAQET_REVERT_COUNT,
};

/* Their rows, with the words of an earlier maqet for them in pending.json, or NULL. */
#define MAQET_REVERT_PHASES(former_prepare, former_revert, former_undo)                  \
    [MAQET_REVERT_PREPARE] =                                                             \
        {.word = "prepare",                                                              \
         .former = former_prepare,                                                       \
         .finishing =                                                                    \
             "deletes what the load had saved in {drives}; nothing is reverted"},        \
    [MAQET_REVERT_DRIVES] =                                                              \
        {.word = "revert",                                                               \
         .former = former_revert,                                                        \
         .reverts = true,                                                                \
         .finishing = "reverts {drives} to snapshot '{name}'; what has been written "    \
                      "since is lost",                                                   \
         .finishing_several =                                                            \
             "reverts {drives} to snapshot '{name}', or to the state before the load "   \
             "if that fails; what has been written since is lost"},                      \
    [MAQET_REVERT_UNDO] = {                                                              \
        .word = "undo",                                                                  \
        .former = former_undo,                                                           \
        .reverts = true,                                                                 \
        .finishing = "reverts {drives} to the state before the load; what has been "     \
                     "written since is lost",                                            \
    }

/* Before anything is done: whether QEMU could be started after the drives have reverted; and, if it runs,
 * whether they could be reverted once it has ended. */
int maqet_revert_check_startable(const struct maqet_session *session,
                                 struct maqet_error **err);

/*
 * Ends QEMU if it runs, and reverts the members to their snapshots of that name, all or
 * none, as a job of a kind that begins with these phases. Afterwards the history is saved,
 * and the job is done, or in its next phase. @check is called again after QEMU has ended, as
 * until then it has reported the snapshots, and the images were not read.
 */
int maqet_revert_run(struct maqet_session *session, const struct maqet_job_kind *kind,
                     const char *name,
                     int (*check)(const void *data, struct maqet_error **err),
                     const void *data, struct maqet_error **err);

/* Recovers it: finishes it if drives have begun to revert, and undoes it if that fails.
 * @done: the message when it is finished. */
int maqet_revert_recover(struct maqet_session *session, const char *done,
                         struct maqet_error **err);

#endif
