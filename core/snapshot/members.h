/* SPDX-License-Identifier: MIT */
/*
 * members.h - the drives that a session is about, and their lists of snapshots: from QEMU
 * when it runs, else from the images. Users know a snapshot by its name, or by that of the
 * one that it stands in for.
 */
#ifndef MAQET_SNAPSHOT_MEMBERS_H
#define MAQET_SNAPSHOT_MEMBERS_H

#include "core/snapshot/session.h"

/* ---- which there are ---- */

/* Chooses none. */
void maqet_members_clear(struct maqet_session *session);

/* Chooses one drive, by its name. */
int maqet_members_choose(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Chooses the drives of that list that are still there. */
void maqet_members_choose_listed(struct maqet_session *session,
                                 const struct maqet_strings *drives);

/* The same for the targets of the session's job. */
void maqet_members_choose_targets(struct maqet_session *session);

/* Whether it is known of all drives of that list which are still there what they are made
 * of: what can't be looked at may have what a command is about. */
int maqet_members_check_known(const struct maqet_session *session,
                              const struct maqet_strings *drives,
                              struct maqet_error **err);

/* Whether another program has an image of theirs locked, when QEMU does not run. */
int maqet_members_check_holders(const struct maqet_session *session,
                                struct maqet_error **err);

/* Adds their names. */
void maqet_members_names(const struct maqet_session *session,
                         struct maqet_strings *names);

/* ---- their snapshots ---- */

/* Reads their lists anew. */
int maqet_members_refresh(struct maqet_session *session, struct maqet_error **err);

/* The name that the user knows a snapshot by: that of the one that it stands in for. */
const char *maqet_member_name_of(const struct maqet_session *session,
                                 const struct maqet_member *member,
                                 const struct maqet_snapshot *snapshot);

/* The first snapshot by the name that the user knows it by, as of the last refresh;
 * *count (may be NULL) tells how many have it. */
const struct maqet_snapshot *maqet_member_find(const struct maqet_session *session,
                                               const struct maqet_member *member,
                                               const char *name, size_t *count);

/* How many members have one. */
size_t maqet_members_count_named(const struct maqet_session *session, const char *name);

/* Whether every member has exactly one snapshot of that name. */
int maqet_members_need(const struct maqet_session *session, const char *name,
                       struct maqet_error **err);

/* Several of the same name, which only another program can have made. Returns -1. */
int maqet_member_error_duplicate(const struct maqet_session *session,
                                 const struct maqet_member *member, const char *name,
                                 size_t count, struct maqet_error **err);

/* ---- whose they are ---- */

/* The very snapshot that the job is about, as its journal records it: another one may
 * have its name by now. NULL: there is none, or it is gone. */
const struct maqet_snapshot *maqet_member_recorded(const struct maqet_session *session,
                                                   const struct maqet_member *member);

/* Whether the job itself made a snapshot, or was to delete it: a later one of the same
 * name is none of its business. */
bool maqet_member_is_own(const struct maqet_session *session,
                         const struct maqet_member *member,
                         const struct maqet_snapshot *snapshot);

/* ---- what came of them ---- */

/* Notes in the history that the snapshots of that name were just made, as one set. */
void maqet_members_note_created(struct maqet_session *session, const char *name);

#endif
