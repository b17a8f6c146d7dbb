/* SPDX-License-Identifier: MIT */
/*
 * session.h - one command at one machine's snapshots: the machine's lock, its drives and
 * their lists, the connection to QEMU when it runs, and the elementary steps, which are
 * the same words whether QEMU runs (its monitor does them) or not (the plugins do).
 */
#ifndef MAQET_SNAPSHOT_SESSION_H
#define MAQET_SNAPSHOT_SESSION_H

#include "core/job/journal.h"
#include "core/job/seal.h"
#include "core/machine/monitor.h"
#include "core/machine/opened.h"
#include "core/snapshot/history.h"
#include "core/snapshot/snapshot.h"
#include "core/storage/snapshots.h"

/* A drive that the command is about. */
struct maqet_member {
    const struct maqet_drive *drive;
    struct maqet_snapshots snapshots; /* as of the last refresh */
};

struct maqet_session {
    struct maqet_opened *machine; /* with its definition */
    struct maqet_opened *owned;   /* the same, closed with the session; NULL: not ours */
    struct maqet_member *members;
    size_t count;
    struct maqet_journal journal; /* what is pending, or under way */
    struct maqet_error *damage;   /* the journal can't be read; NULL: it can */
    struct maqet_seal *seal;      /* while an operation, or its repair, is under way */
    bool began;                   /* the operation is this session's own */
    bool agreed; /* the user wants it finished, whatever happened to the images since */
    struct maqet_history *history;
};

/* Begins a session at an opened machine, which stays the caller's. NULL on error. */
struct maqet_session *maqet_session_new(struct maqet_opened *machine,
                                        struct maqet_error **err);

/* Opens a machine for it. With @wait, waits for its lock as long as the context says;
 * without it, goes on without the lock when somebody else has it. */
struct maqet_session *maqet_session_open(const struct maqet_context *context,
                                         const char *vm, bool wait,
                                         struct maqet_error **err);
void maqet_session_free(struct maqet_session *session);
void maqet_session_cleanup(struct maqet_session **session);

#define _cleanup_session_ _cleanup_(maqet_session_cleanup)

/* Chooses one drive, by its name. */
int maqet_session_choose(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Chooses the drives of that list that are still there; for repairs. */
void maqet_session_choose_listed(struct maqet_session *session,
                                 const struct maqet_strings *drives);

/* The same for those that the journal lists. */
void maqet_session_choose_journal(struct maqet_session *session);

/* Whether it is known of all drives of that list which are still there what they are made
 * of: what can't be looked at may have what a command is about. */
int maqet_session_check_known(const struct maqet_session *session,
                              const struct maqet_strings *drives,
                              struct maqet_error **err);

/* Reads the members' lists anew: from QEMU when it runs, else from the images. */
int maqet_session_refresh(struct maqet_session *session, struct maqet_error **err);

/* The first snapshot by the name that the user knows it by, as of the last refresh;
 * *count (may be NULL) tells how many have it. */
const struct maqet_snapshot *maqet_session_find(const struct maqet_session *session,
                                                const struct maqet_member *member,
                                                const char *name, size_t *count);

/* The very snapshot that the operation is about, as its journal records it: another one
 * may have its name by now. NULL: there is none, or it is gone. */
const struct maqet_snapshot *maqet_session_recorded(const struct maqet_session *session,
                                                    const struct maqet_member *member);

/* The name that the user knows a snapshot by: that of the one that it stands in for. */
const char *maqet_session_name_of(const struct maqet_session *session,
                                  const struct maqet_member *member,
                                  const struct maqet_snapshot *snapshot);

/* What creating was like for the guest. */
struct maqet_stillness {
    bool stopped;
    double pause; /* ms from STOP to RESUME */
    double since; /* the moment of a STOP without RESUME, in ms since 1970; 0: none */
};

/* Makes a snapshot of all members: live all or none by one transaction; offline one after
 * the other. The guest's file systems are frozen meanwhile, which may take
 * @freeze_timeout ms; negative: they are not. */
int maqet_session_create(struct maqet_session *session, const char *name,
                         int64_t freeze_timeout, struct maqet_stillness *stillness,
                         struct maqet_error **err);

/* The transaction of such a live one alone. */
int maqet_session_transact(struct maqet_session *session, const char *name,
                           struct maqet_error **err);

/* Adds how long the guest stood still since the connection was made, or since the last
 * call for the same account, by QEMU's own clock. */
void maqet_session_measure(struct maqet_session *session,
                           struct maqet_stillness *stillness);

/* Deletes one snapshot. */
int maqet_session_remove(struct maqet_session *session, const struct maqet_member *member,
                         const struct maqet_snapshot *snapshot, struct maqet_error **err);

/* Reverts all members to the snapshot of that name, all or none; QEMU does not run, and
 * the operation is PREPARE, and LOAD afterwards. */
int maqet_session_revert(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Whether another program has an image of the members locked, when QEMU does not run. */
int maqet_session_check_holders(const struct maqet_session *session,
                                struct maqet_error **err);

/* Writes down the operation, with the members' drives; it is pending from here on. An
 * image that another program holds is an error before that. */
int maqet_session_begin(struct maqet_session *session, enum maqet_operation operation,
                        const char *name, const char *stand_in, struct maqet_error **err);

/* Goes on to another phase of it; on error it is still in the one before. */
int maqet_session_phase(struct maqet_session *session, enum maqet_operation operation,
                        struct maqet_error **err);

/* Writes the journal down again for a repair that begins, which is watched over as the
 * operation itself was. */
int maqet_session_resume(struct maqet_session *session, struct maqet_error **err);

/* It is over. */
int maqet_session_done(struct maqet_session *session, struct maqet_error **err);

/* Notes in the history that the snapshots of that name were just made, as one set. */
void maqet_session_note_created(struct maqet_session *session, const char *name);

/* What that is for the load of a checkpoint, whose drives have reverted: it looks at QEMU
 * alone, which must not be left paused, and at no image. */
int maqet_session_repair_resume(struct maqet_session *session, struct maqet_error **err);

/* ---- what may be asked for ---- */

/* Whether the machine is in the state that the way needs. */
int maqet_session_check_way(struct maqet_session *session, enum maqet_way way,
                            struct maqet_error **err);

/* Whether every member has exactly one snapshot of that name. */
int maqet_session_need(const struct maqet_session *session, const char *name,
                       struct maqet_error **err);

/* Several of the same name, which only another program can have made. Returns -1. */
int maqet_session_error_duplicate(const struct maqet_session *session,
                                  const struct maqet_member *member, const char *name,
                                  size_t count, struct maqet_error **err);

/* ---- what went wrong ---- */

/* After a failed step: says where the images of drives have no room left. */
void maqet_session_hint_space(const struct maqet_session *session,
                              struct maqet_error **err);

/* After a failed step: puts right what the operation has left so far, quietly where that
 * works; *err stays the error that it failed with. Returns -1. */
int maqet_session_recover(struct maqet_session *session, struct maqet_error **err);

/* Puts right what is pending, and says what was done. The members are chosen anew
 * afterwards. MAQET_ERROR_STATE where the images are not as the operation left them, so
 * that the user has to decide (interrupted.h). */
int maqet_session_repair(struct maqet_session *session, struct maqet_error **err);

#endif
