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

/* Their rows; a former maqet had words for them in pending.json, or NULL. */
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

/* Whether QEMU could be started once the drives have reverted: before it is ended, and
 * anything is reverted. */
int maqet_revert_check_startable(const struct maqet_session *session,
                                 struct maqet_error **err);

/*
 * Ends QEMU where it runs, and reverts the members to their snapshots of that name, all or
 * none, as a job of a kind whose rows begin with these phases. The history is saved
 * afterwards, and the job is done, or in the phase that follows. @check is called again
 * when QEMU has ended: by then its answers have spared us the images.
 */
int maqet_revert_run(struct maqet_session *session, const struct maqet_job_kind *kind,
                     const char *name,
                     int (*check)(const void *data, struct maqet_error **err),
                     const void *data, struct maqet_error **err);

/* Puts right what is left of it: finishes it where drives have begun to revert, and undoes
 * it where that fails. @done says what it means to have it finished. */
int maqet_revert_recover(struct maqet_session *session, const char *done,
                           struct maqet_error **err);

#endif
