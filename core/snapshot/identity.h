/* SPDX-License-Identifier: MIT */
/*
 * identity.h - which snapshot is which. A name says little: another program, or the user,
 * may have given it to another snapshot since. What was taken together (a set, or the
 * snapshots of a checkpoint) is recognised by id and date.
 */
#ifndef MAQET_SNAPSHOT_IDENTITY_H
#define MAQET_SNAPSHOT_IDENTITY_H

#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

/* Adds to a checkpoint's description which snapshots of that name the members have. Their
 * lists are fresh. */
int maqet_identity_record(const struct maqet_session *session, const char *name,
                          struct maqet_checkpoint *about, struct maqet_error **err);

/* Whether a snapshot of that drive, which has the checkpoint's name, was taken with it.
 * True where that is not recorded. */
bool maqet_identity_belongs(const struct maqet_checkpoint *about, const char *drive,
                            const struct maqet_snapshot *snapshot);

/* Whether every drive of the checkpoint is a member, and has the very snapshot that was
 * taken with it. The members' lists are fresh. */
int maqet_identity_check(const struct maqet_session *session,
                         const struct maqet_checkpoint *about, struct maqet_error **err);

/* An error (MAQET_ERROR_STATE) where a member's snapshot of that name belongs to a
 * checkpoint: it is not to go without it. */
int maqet_identity_check_none(const struct maqet_session *session, const char *name,
                              struct maqet_error **err);

/* Whether the members' snapshots of that name are those that were taken together as a
 * set, where one of that name is recorded. An error advises to take single drives instead:
 * to delete theirs (@deletes), or to load it. */
int maqet_identity_check_set(const struct maqet_session *session, const char *name,
                             bool deletes, struct maqet_error **err);

#endif
