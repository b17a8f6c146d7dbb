/* SPDX-License-Identifier: MIT */
/*
 * members.h - the drives that a session is about, and their lists of snapshots: from QEMU
 * if it runs, else from the images. Users know a snapshot by its alias (history.h) if it
 * has one, else by its name.
 */
#ifndef MAQET_SNAPSHOT_MEMBERS_H
#define MAQET_SNAPSHOT_MEMBERS_H

#include "core/snapshot/session.h"

/* ---- the drives ---- */

/* Chooses no drive. */
void maqet_members_clear(struct maqet_session *session);

/* Chooses one drive, by its name. */
int maqet_members_choose(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Chooses the drives of a list that still exist and have snapshots; the others are
 * warnings. */
void maqet_members_choose_listed(struct maqet_session *session,
                                 const struct maqet_strings *drives);

/* The same, and reads their lists of snapshots. A drive that cannot be inspected is an
 * error. */
int maqet_members_read(struct maqet_session *session, const struct maqet_strings *drives,
                       struct maqet_error **err);

/* Whether another program has one of their images locked while QEMU does not run. */
int maqet_members_check_holders(const struct maqet_session *session,
                                struct maqet_error **err);

/* Adds their names. */
void maqet_members_names(const struct maqet_session *session,
                         struct maqet_strings *names);

/* ---- their snapshots ---- */

/* Reads their lists again. */
int maqet_members_refresh(struct maqet_session *session, struct maqet_error **err);

/* The name that users know a snapshot by. */
const char *maqet_member_name_of(const struct maqet_session *session,
                                 const struct maqet_member *member,
                                 const struct maqet_snapshot *snapshot);

/* The first snapshot that users know by that name, as of the last refresh; *count (may be
 * NULL) gets their number. */
const struct maqet_snapshot *maqet_member_find(const struct maqet_session *session,
                                               const struct maqet_member *member,
                                               const char *name, size_t *count);

/* How many members have one. */
size_t maqet_members_count_named(const struct maqet_session *session, const char *name);

/* Whether every member has exactly one snapshot of that name. */
int maqet_members_need(const struct maqet_session *session, const char *name,
                       struct maqet_error **err);

/* Whether what their overlays of that name stand on is as it was. MAQET_ERROR_STATE: it is not. */
int maqet_members_check_overlays(const struct maqet_session *session, const char *name,
                                 struct maqet_error **err);

/* Whether no image of another drive stands on a snapshot of that name. MAQET_ERROR_STATE names
 * those that do. */
int maqet_members_check_unneeded(const struct maqet_session *session, const char *name,
                                 struct maqet_error **err);

/* Several of the same name, which only another program can have created. Returns -1. */
int maqet_member_error_duplicate(const struct maqet_session *session,
                                 const struct maqet_member *member, const char *name,
                                 size_t count, struct maqet_error **err);

/* A snapshot of that name exists already. Returns -1. */
int maqet_member_error_exists(const struct maqet_session *session,
                              const struct maqet_member *member, const char *name,
                              struct maqet_error **err);

/* ---- the job's own ---- */

/* The snapshot that the job is about, as its journal records it: another one may have its
 * name by now. NULL: there is none, or it is gone. */
const struct maqet_snapshot *maqet_member_recorded(const struct maqet_session *session,
                                                   const struct maqet_member *member);

/* Whether the job created a snapshot, or was to delete it. A later one of the same name
 * does not belong to the job. */
bool maqet_member_is_own(const struct maqet_session *session,
                         const struct maqet_member *member,
                         const struct maqet_snapshot *snapshot);

/* Notes in the history that the snapshots of that name were just created, as one set. */
void maqet_members_note_created(struct maqet_session *session, const char *name);

#endif
