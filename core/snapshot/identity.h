/* SPDX-License-Identifier: MIT */
/*
 * identity.h - recognises the snapshots of a set or a checkpoint by id and date, since
 * another program, or the user, may have given their name to others.
 */
#ifndef MAQET_SNAPSHOT_IDENTITY_H
#define MAQET_SNAPSHOT_IDENTITY_H

#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

/* Adds the members' snapshots of that name to a checkpoint's description. Their lists are
 * fresh. */
int maqet_identity_record(const struct maqet_session *session, const char *name,
                          struct maqet_checkpoint *about, struct maqet_error **err);

/* Whether a snapshot of that drive, which has the checkpoint's name, was created with it.
 * True if that is not recorded. */
bool maqet_identity_belongs(const struct maqet_checkpoint *about, const char *drive,
                            const struct maqet_snapshot *snapshot);

/* Whether every drive of the checkpoint is a member, and has the snapshot that was created
 * with it. The members' lists are fresh. */
int maqet_identity_check(const struct maqet_session *session,
                         const struct maqet_checkpoint *about, struct maqet_error **err);

/* An error (MAQET_ERROR_STATE) if a member's snapshot of that name belongs to a checkpoint,
 * without which it must not be deleted. */
int maqet_identity_check_none(const struct maqet_session *session, const char *name,
                              struct maqet_error **err);

/* Whether the members' snapshots of that name are those of the set of that name, if one is
 * recorded. An error advises to delete (@deletes) or load them drive by drive instead. */
int maqet_identity_check_set(const struct maqet_session *session, const char *name,
                             bool deletes, struct maqet_error **err);

#endif
