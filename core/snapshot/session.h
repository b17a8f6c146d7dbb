/* SPDX-License-Identifier: MIT */
/*
 * session.h - one command at one machine's snapshots: the opened machine, the drives that
 * it is about with their lists (members.h), what came of what (history.h), and the job
 * that it is, or that is pending.
 */
#ifndef MAQET_SNAPSHOT_SESSION_H
#define MAQET_SNAPSHOT_SESSION_H

#include "core/job/recover.h"
#include "core/snapshot/history.h"

/* A drive that the command is about. */
struct maqet_member {
    const struct maqet_drive *drive;
    struct maqet_snapshots snapshots; /* as of the last refresh */
};

struct maqet_session {
    struct maqet_opened *machine; /* with its definition */
    struct maqet_job *job;        /* what is pending, or under way */
    struct maqet_member *members;
    size_t count;
    struct maqet_history *history;

    /* Of a session that has opened the machine itself. */
    struct maqet_opened *owned;
    struct maqet_job found;
};

/* Like `for`: @member points to each member in turn. */
#define MAQET_FOR_EACH_MEMBER(member, session)                                           \
    for (struct maqet_member *member = (session)->members;                               \
         member < (session)->members + (session)->count; member++)

/* Opens a machine to change something: with its lock, and nothing is pending. */
struct maqet_session *maqet_session_open(const struct maqet_context *context,
                                         const char *vm, struct maqet_error **err);

/* Opens a machine to look: without the lock when somebody else has it, and something may
 * be pending. */
struct maqet_session *maqet_session_look(const struct maqet_context *context,
                                         const char *vm, struct maqet_error **err);

void maqet_session_free(struct maqet_session *session);
void maqet_session_cleanup(struct maqet_session **session);

#define _cleanup_session_ _cleanup_(maqet_session_cleanup)

/* Begins the session's job: its targets are the members' drives, with their snapshots of
 * that name. @stand_in may be NULL. */
int maqet_session_begin(struct maqet_session *session, const struct maqet_job_kind *kind,
                        const char *name, const char *stand_in, struct maqet_error **err);

/* Notes what came of what, and ends the job. */
int maqet_session_done(struct maqet_session *session, struct maqet_error **err);

/* ---- for the kinds of job ---- */

/* Recovers a job, in the session that began it or in a new one: the members are its
 * targets, with fresh lists, and their images are free of what a killed helper has left,
 * when the kind's put_right is called; then the history is saved, and the job is over. */
int maqet_session_recover(struct maqet_job *job, struct maqet_error **err);

/* What the job has left in the images is a snapshot like others from now on, since it may
 * be the only one that has what the user wants: for the forget function of a kind. */
int maqet_session_forget(struct maqet_job *job, struct maqet_strings *kept,
                         struct maqet_error **err);

/* What had to wait until the machine was stopped: lost clusters, and stand-ins that get
 * their name at last. */
int maqet_session_settle(struct maqet_session *session, struct maqet_error **err);

/* maqet_job_decide(), and what had to wait is done. */
int maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                           enum maqet_recovery_way way, bool *pending,
                           struct maqet_strings *kept, struct maqet_error **err);

#endif
