/* SPDX-License-Identifier: MIT */
/*
 * session.h - one command on the snapshots of one machine: the opened machine, the drives
 * that the command is about with their snapshots (members.h), their history (history.h),
 * and the command's job, or the one that is pending.
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

/* How long the guest was paused by a session. */
struct maqet_stillness {
    bool stopped;
    double pause; /* ms from STOP to RESUME */
    double since; /* time of a STOP without RESUME, in ms since 1970; 0: none */
};

struct maqet_session {
    struct maqet_opened *machine; /* with its definition */
    struct maqet_job *job;        /* pending, or in progress */
    struct maqet_member *members;
    size_t count;
    struct maqet_history *history;
    struct maqet_stillness stillness;

    /* Of a session that has opened the machine itself. */
    struct maqet_opened *owned;
    struct maqet_job found;
};

/* Like `for`: @member points to each member in turn. */
#define MAQET_FOR_EACH_MEMBER(member, session)                                           \
    for (struct maqet_member *member = (session)->members;                               \
         member < (session)->members + (session)->count; member++)

/* Opens a machine to change something: with its lock, when nothing is pending, and with
 * deferred work done. */
struct maqet_session *maqet_session_open(const struct maqet_context *context,
                                         const char *vm, struct maqet_error **err);

/* Opens a machine to look at it: without the lock if another process has it, and a job may
 * be pending. */
struct maqet_session *maqet_session_look(const struct maqet_context *context,
                                         const char *vm, struct maqet_error **err);

void maqet_session_free(struct maqet_session *session);
MAQET_CLEANUP(maqet_session, maqet_session_free, maqet_session_cleanup)

#define _cleanup_session_ _cleanup_(maqet_session_cleanup)

/* Records whether something of a drive's deleted snapshots is left that the next command on its
 * snapshots is to do when the machine is stopped: if it was not @tidied, or if overlays are still to be
 * merged. */
void maqet_session_note_tidied(struct maqet_session *session,
                               const struct maqet_drive *drive, bool tidied);

/* Begins the session's job: its targets are the members' drives, with their snapshots of
 * that name. @stand_in may be NULL. */
int maqet_session_begin(struct maqet_session *session, const struct maqet_job_kind *kind,
                        const char *name, const char *stand_in, struct maqet_error **err);

/* Saves the history, and ends the job. */
int maqet_session_done(struct maqet_session *session, struct maqet_error **err);

/* ---- for the kinds of job ---- */

/* Recovers a job, in the session that began it or in a new one: calls the kind's recover_session
 * with the targets as members and with what a killed helper has left in their images
 * removed; then it saves the history, and ends the job. */
int maqet_session_recover(struct maqet_job *job, struct maqet_error **err);

/* The forget function of a kind: what the job has left in the images is an ordinary
 * snapshot from now on, since it may be the only copy of what the user wants. */
int maqet_session_forget(struct maqet_job *job, struct maqet_strings *kept,
                         struct maqet_error **err);

/* maqet_job_decide(), and then deferred work. */
int maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                           enum maqet_recovery_way way, bool *pending,
                           struct maqet_strings *kept, struct maqet_error **err);

#endif
