/* SPDX-License-Identifier: MIT */
#include "core/snapshot/saved_state.h"

/* Deletes the saved states that are there. For a single drive none was made: one that it
 * has was kept of an earlier load, for the user. */
static int
forget(struct maqet_session *session, struct maqet_error **err)
{
    for (size_t i = 0; session->journal.drive_count > 1 && i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *saved =
            maqet_snapshots_find(&member->snapshots, MAQET_SAVED_STATE, NULL);

        if (saved && maqet_session_remove(session, member, saved, err) < 0)
            return -1;
    }
    return maqet_session_refresh(session, err);
}

int
maqet_load_all(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *snapshot = maqet_session_recorded(session, member);

        if (!snapshot)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "There is no longer a snapshot '%s' of drive '%s' on "
                                   "VM '%s'",
                                   name, member->drive->name, session->machine->name);
        if (maqet_drive_snapshot_load(member->drive, snapshot, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];

        maqet_history_loaded(session->history, member->drive->name,
                             maqet_session_recorded(session, member));
    }
    return forget(session, err);
}

int
maqet_saved_state_restore(struct maqet_session *session, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *saved =
            maqet_snapshots_find(&member->snapshots, MAQET_SAVED_STATE, NULL);

        if (saved && maqet_drive_snapshot_load(member->drive, saved, err) < 0)
            return -1;
    }
    return forget(session, err);
}
