/* SPDX-License-Identifier: MIT */
#include "core/snapshot/identity.h"

#include <string.h>

#include "core/machine/checkpoint_files.h"
#include "core/snapshot/members.h"

int
maqet_identity_record(const struct maqet_session *session, const char *name,
                      struct maqet_checkpoint *about, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, NULL);

        if (!found)
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The snapshot '%s' of drive '%s' on VM '%s', which "
                                   "was just created, does not exist",
                                   name, member->drive->name, session->machine->name);
        maqet_checkpoint_add_snapshot(about, member->drive, found);
    }
    return 0;
}

bool
maqet_identity_belongs(const struct maqet_checkpoint *about, const char *drive,
                       const struct maqet_snapshot *snapshot)
{
    const struct maqet_snapshot *recorded = maqet_checkpoint_snapshot(about, drive);

    return !about->has_snapshots || (recorded && maqet_snapshot_same(recorded, snapshot));
}

/* ---- checkpoints ---- */

/* Advises what can be done instead. Returns -1. */
static int
hint_ways_out(const struct maqet_session *session, const char *name, const char *drive,
              struct maqet_error **err)
{
    maqet_error_next(err, MAQET_NEXT_LOAD_ONE_DRIVE, session->machine->name, drive, name,
                     NULL);
    return maqet_error_next(err, MAQET_NEXT_DELETE_CHECKPOINT_ALONE,
                            session->machine->name, name, NULL);
}

static int
error_other_snapshot(const struct maqet_session *session, const char *name,
                     const char *drive, const struct maqet_snapshot *then,
                     const struct maqet_snapshot *now, struct maqet_error **err)
{
    _cleanup_free_ char *before = maqet_snapshot_date_text(then);
    _cleanup_free_ char *present = maqet_snapshot_date_text(now);

    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The memory of the checkpoint '%s' of VM '%s' does not belong to "
                    "the snapshot '%s' that drive '%s' has now: it was saved with the "
                    "one created at %s (id %s), and this one was created at %s (id %s)",
                    name, session->machine->name, name, drive, before, then->id, present,
                    now->id);
    return hint_ways_out(session, name, drive, err);
}

static int
check_drive(const struct maqet_session *session, const char *drive,
            const struct maqet_checkpoint *about, struct maqet_error **err)
{
    const char *name = about->name;
    const struct maqet_member *member = NULL;

    MAQET_FOR_EACH_MEMBER (one, session)
        if (strcmp(one->drive->name, drive) == 0)
            member = one;
    const struct maqet_snapshot *now =
        member ? maqet_member_find(session, member, name, NULL) : NULL;
    const struct maqet_snapshot *then = maqet_checkpoint_snapshot(about, drive);

    if (!now) {
        maqet_error_set(err, MAQET_ERROR_MISSING,
                        member
                            ? "There is no snapshot '%s' of drive '%s' on VM '%s', "
                              "which belongs to the checkpoint"
                            : "The checkpoint '%s' has a snapshot of drive '%s', which "
                              "VM '%s' no longer has",
                        name, drive, session->machine->name);
        return maqet_error_next(err, MAQET_NEXT_DELETE_USELESS_CHECKPOINT,
                                session->machine->name, name, NULL);
    }
    if (!about->has_snapshots)
        return 0;
    if (!then) {
        maqet_error_set(
            err, MAQET_ERROR_FAILED,
            "The description of the checkpoint '%s' of VM '%s' is damaged: it "
            "does not say which snapshot of drive '%s' belongs to it",
            name, session->machine->name, drive);
        return hint_ways_out(session, name, drive, err);
    }
    return maqet_snapshot_same(then, now)
               ? 0
               : error_other_snapshot(session, name, drive, then, now, err);
}

int
maqet_identity_check(const struct maqet_session *session,
                     const struct maqet_checkpoint *about, struct maqet_error **err)
{
    for (size_t i = 0; i < about->drives.count; i++)
        if (check_drive(session, about->drives.items[i], about, err) < 0)
            return -1;
    return 0;
}

int
maqet_identity_check_none(const struct maqet_session *session, const char *name,
                          struct maqet_error **err)
{
    if (!maqet_state_file_exists(session->machine->context, session->machine->name, name))
        return 0;
    /* If it cannot be read, all of them may belong to it. */
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};
    bool is_read =
        maqet_state_file_about(session->machine->context, session->machine->name, name,
                               &about, NULL) == 0;
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, NULL);

        if (!found ||
            (is_read && !maqet_identity_belongs(&about, member->drive->name, found)))
            continue;
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "The snapshots '%s' of VM '%s' belong to a checkpoint, which "
                        "needs all of them",
                        name, session->machine->name);
        return maqet_error_next(err, MAQET_NEXT_DELETE_WHOLE_CHECKPOINT,
                                session->machine->name, name, NULL);
    }
    return 0;
}

/* ---- sets ---- */

static enum maqet_next
next_one_by_one(bool deletes, bool live)
{
    if (deletes)
        return live ? MAQET_NEXT_DELETE_ONE_BY_ONE_LIVE : MAQET_NEXT_DELETE_ONE_BY_ONE;
    return live ? MAQET_NEXT_LOAD_ONE_BY_ONE_LIVE : MAQET_NEXT_LOAD_ONE_BY_ONE;
}

static int
error_other_member(const struct maqet_session *session, const char *name,
                   const char *drive, const struct maqet_snapshot *then,
                   const struct maqet_snapshot *now, bool deletes,
                   struct maqet_error **err)
{
    _cleanup_free_ char *before = maqet_snapshot_date_text(then);
    _cleanup_free_ char *present = maqet_snapshot_date_text(now);

    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The snapshot '%s' of drive '%s' on VM '%s' is not the one that "
                    "was created together with those of the other drives: that was "
                    "created at %s, and this one at %s",
                    name, drive, session->machine->name, before, present);
    return maqet_error_next(err, next_one_by_one(deletes, session->machine->run.pid > 0),
                            session->machine->name, drive, name, NULL);
}

int
maqet_identity_check_set(const struct maqet_session *session, const char *name,
                         bool deletes, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const char *drive = member->drive->name;
        const struct maqet_snapshot *now = maqet_member_find(session, member, name, NULL);
        struct maqet_snapshot then = {0};

        if (now && !maqet_history_in_set(session->history, name, drive, now) &&
            maqet_history_set_date(session->history, name, drive, &then))
            return error_other_member(session, name, drive, &then, now, deletes, err);
    }
    return 0;
}
