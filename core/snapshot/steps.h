/* SPDX-License-Identifier: MIT */
/*
 * steps.h - creates and deletes the snapshots of a session's members: by QEMU's monitor if
 * it runs, else by the plugins.
 */
#ifndef MAQET_SNAPSHOT_STEPS_H
#define MAQET_SNAPSHOT_STEPS_H

#include "core/snapshot/session.h"

/* Creates a snapshot of all members: live all or none by one transaction; offline one after
 * the other. The guest's file systems are frozen meanwhile, within @freeze_timeout ms;
 * negative: they are not. The lists are fresh afterwards. */
int maqet_steps_create(struct maqet_session *session, const char *name,
                       int64_t freeze_timeout, struct maqet_error **err);

/* The parts of a live one: what precedes the transaction, which takes a while, the transaction, and
 * what follows it, if it has succeeded (@result 0). */
int maqet_steps_prepare(struct maqet_session *session, const char *name,
                        struct maqet_error **err);
int maqet_steps_finish(struct maqet_session *session, int result,
                       struct maqet_error **err);
int maqet_steps_transact(struct maqet_session *session, const char *name,
                         struct maqet_error **err);

/* Adds to the session how long the guest was paused since QEMU was connected to, or since
 * the last call, by QEMU's clock. */
void maqet_steps_measure(struct maqet_session *session);

/* Deletes what users know by that name from each member, with its entries in the history.
 * @own: only what is the job's own; a later snapshot of that name stays. @drives (may be
 * NULL) gets the drives that had one. */
int maqet_steps_remove(struct maqet_session *session, const char *name, bool own,
                       struct maqet_strings *drives, struct maqet_error **err);

#endif
