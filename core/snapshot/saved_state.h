/* SPDX-License-Identifier: MIT */
/*
 * saved_state.h - reverting several drives, all or none: their present state is kept as a
 * snapshot of its own until the last one is reverted.
 */
#ifndef MAQET_SNAPSHOT_SAVED_STATE_H
#define MAQET_SNAPSHOT_SAVED_STATE_H

#include "core/snapshot/session.h"

/* Its name, which no user can give. */
#define MAQET_SAVED_STATE ".maqet-before-load"

/* Reverts all members to the snapshot of that name which the journal records, and forgets
 * the saved state. The lists are fresh, before and after. */
int maqet_load_all(struct maqet_session *session, const char *name,
                   struct maqet_error **err);

/* Goes back to the saved state where there is one, and forgets it. */
int maqet_saved_state_restore(struct maqet_session *session, struct maqet_error **err);

#endif
