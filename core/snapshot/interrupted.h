/* SPDX-License-Identifier: MIT */
/*
 * interrupted.h - what an interrupted operation was, and whether a recovery may go on
 * without asking: it must not undo or discard what was done to the images since.
 */
#ifndef MAQET_SNAPSHOT_INTERRUPTED_H
#define MAQET_SNAPSHOT_INTERRUPTED_H

#include "core/snapshot/session.h"

/* "load of snapshot 'keep'". The caller frees. */
char *maqet_interrupted_operation(const struct maqet_journal *journal);

/* "load of snapshot 'keep' was interrupted on 2026-01-31 12:00:00". The caller frees. */
char *maqet_interrupted_text(const struct maqet_journal *journal);

/* What finishing it does now, and what is lost by that: "reverts drives ...". The caller
 * frees. */
char *maqet_interrupted_finish_text(const struct maqet_journal *journal);

/* Adds what is not as the operation left it, a phrase for each image; none: a recovery
 * discards nothing. */
void maqet_interrupted_changes(const struct maqet_session *session,
                               struct maqet_strings *changes);

/* MAQET_ERROR_STATE where there is anything of that, with the ways out. */
int maqet_interrupted_check(const struct maqet_session *session,
                            struct maqet_error **err);

/* Whether the drives that the operation is about can be worked on: what is to be put
 * right can't be left out. A guest that is to go on needs no image. */
int maqet_interrupted_check_drives(const struct maqet_session *session,
                                   struct maqet_error **err);

/* MAQET_ERROR_MISSING where the image of a member is missing and QEMU, which could still
 * have it open, does not run: not even a recovery that the user agreed to goes on. */
int maqet_interrupted_check_images(const struct maqet_session *session,
                                   struct maqet_error **err);

/* Says in a warning that an operation is pending, for commands that only look. */
void maqet_interrupted_warn(const struct maqet_session *session);

/* Whether the operation itself made a snapshot, or was to delete it: a later one of the
 * same name is none of its business. */
bool maqet_interrupted_owns(const struct maqet_session *session,
                            const struct maqet_member *member,
                            const struct maqet_snapshot *snapshot);

#endif
