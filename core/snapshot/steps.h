/* SPDX-License-Identifier: MIT */
/*
 * steps.h - the elementary steps of a session: making and deleting the snapshots of its
 * members, by QEMU's monitor when it runs and by the plugins when it doesn't.
 */
#ifndef MAQET_SNAPSHOT_STEPS_H
#define MAQET_SNAPSHOT_STEPS_H

#include "core/snapshot/session.h"

/* What creating was like for the guest. */
struct maqet_stillness {
    bool stopped;
    double pause; /* ms from STOP to RESUME */
    double since; /* the moment of a STOP without RESUME, in ms since 1970; 0: none */
};

/* Makes a snapshot of all members: live all or none by one transaction; offline one after
 * the other. The guest's file systems are frozen meanwhile, which may take
 * @freeze_timeout ms; negative: they are not. The lists are fresh afterwards. */
int maqet_steps_create(struct maqet_session *session, const char *name,
                       int64_t freeze_timeout, struct maqet_stillness *stillness,
                       struct maqet_error **err);

/* The transaction of such a live one alone. */
int maqet_steps_transact(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Adds how long the guest stood still since the connection was made, or since the last
 * call for the same account, by QEMU's own clock. */
void maqet_steps_measure(struct maqet_session *session,
                         struct maqet_stillness *stillness);

/* Deletes what users know by that name from each member, and what is known of it: its
 * place in the history, and its other name. @own: only what is the job's own; a later
 * snapshot of the name stays. @drives (may be NULL) gets those that it is gone from. */
int maqet_steps_remove(struct maqet_session *session, const char *name, bool own,
                       struct maqet_strings *drives, struct maqet_error **err);

#endif
