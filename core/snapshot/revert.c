/* SPDX-License-Identifier: MIT */
#include "core/snapshot/revert.h"

#include "core/lifecycle/startable.h"
#include "core/machine/check.h"
#include "core/machine/generation.h"
#include "core/machine/holders.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"

/* ---- the beginning ---- */

/* The saved state of an earlier load, which the user chose not to finish, would be mistaken
 * for that of this one. */
static int
check_saved(const struct maqet_session *session, struct maqet_error **err)
{
    const char *vm = session->machine->name;

    MAQET_FOR_EACH_MEMBER (member, session) {
        if (session->count == 1 ||
            !maqet_snapshots_find(&member->snapshots, MAQET_SAVED_STATE, NULL))
            continue;
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "Drive '%s' on VM '%s' has a snapshot '%s', left behind by an "
                        "interrupted load; to load several drives, there must be none",
                        member->drive->name, vm, MAQET_SAVED_STATE);
        return maqet_error_next(err, MAQET_NEXT_DELETE_SNAPSHOT, vm, member->drive->name,
                                MAQET_SAVED_STATE, NULL);
    }
    return 0;
}

/* What others read, such as the servers of forks, could not be written to once QEMU has ended: neither to
 * revert a drive, nor to recover that. With overlays, the file that they read stays as it is. */
static int
check_readers(const struct maqet_session *session, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        if (!member->drive->overlays &&
            maqet_holders_check_others(session->machine->vm, member->drive, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_revert_check_startable(const struct maqet_session *session,
                             struct maqet_error **err)
{
    if (session->machine->run.pid > 0 && check_readers(session, err) < 0)
        return -1;
    struct maqet_definition *definition = maqet_opened_definition(session->machine, err);

    return definition ? maqet_vm_check_startable(session->machine->context, definition,
                                                 session->machine->run.pid > 0
                                                     ? MAQET_STARTABLE_AGAIN
                                                     : MAQET_STARTABLE_STOPPED,
                                                 NULL, err)
                      : -1;
}

/* ---- the steps ---- */

/* Deletes the saved states. For a single drive none was created: if it has one, that was
 * left by an earlier load, for the user. */
static int
delete_saved(struct maqet_session *session, struct maqet_error **err)
{
    if (session->job->journal.target_count > 1 &&
        maqet_steps_remove(session, MAQET_SAVED_STATE, false, NULL, err) < 0)
        return -1;
    return maqet_members_refresh(session, err);
}

/* Reverts all members to the snapshot that the journal records, and deletes the saved
 * states. The lists are fresh, before and after. */
static int
load_all(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    /* Its guest goes back in time. */
    if (maqet_generation_renew(session->machine->context, session->machine->name, err) <
        0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *snapshot = maqet_member_recorded(session, member);

        if (!snapshot)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "There is no longer a snapshot '%s' of drive '%s' on "
                                   "VM '%s'",
                                   name, member->drive->name, session->machine->name);
        if (maqet_drive_snapshot_load(member->drive, snapshot, err) < 0)
            return -1;
    }
    MAQET_FOR_EACH_MEMBER (member, session) {
        maqet_history_loaded(session->history, member->drive->name,
                             maqet_member_recorded(session, member));
    }
    return delete_saved(session, err);
}

/* The job is in its first phase, and in the second one afterwards. */
static int
revert_drives(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    /* A single drive reverts completely or not at all. */
    if (session->count > 1 && maqet_steps_create(session, MAQET_SAVED_STATE, -1, err) < 0)
        return -1;
    if (maqet_job_phase(session->job, MAQET_REVERT_DRIVES, err) < 0)
        return -1;
    if (load_all(session, name, err) == 0)
        return 0;
    /* After a failure, unlike an interruption, it is undone. */
    if (session->count > 1)
        maqet_job_phase(session->job, MAQET_REVERT_UNDO, NULL);
    return -1;
}

int
maqet_revert_run(struct maqet_session *session, const struct maqet_job_kind *kind,
                 const char *name,
                 int (*check)(const void *data, struct maqet_error **err),
                 const void *data, struct maqet_error **err)
{
    struct maqet_opened *machine = session->machine;
    bool runs = machine->run.pid > 0;

    /* What has changed would later be a failure of a job that nothing could finish, and nothing
     * would have to undo. */
    if (check_saved(session, err) < 0 ||
        maqet_members_check_overlays(session, name, err) < 0 ||
        maqet_session_begin(session, kind, name, NULL, err) < 0)
        return -1;
    if ((!runs || (maqet_opened_end_qemu(machine, err) == 0 &&
                   maqet_vm_check_drives(machine->vm, err) == 0 &&
                   maqet_members_refresh(session, err) == 0 && check(data, err) == 0)) &&
        revert_drives(session, name, err) == 0 &&
        maqet_history_save(session->history, err) == 0 &&
        (kind->phase_count > MAQET_REVERT_COUNT
             ? maqet_job_phase(session->job, MAQET_REVERT_COUNT, err)
             : maqet_job_done(session->job, err)) == 0)
        return 0;
    maqet_job_fail(session->job, err);
    if (runs && machine->run.pid == 0)
        maqet_error_next(err, MAQET_NEXT_START_STOPPED, machine->name, NULL);
    return -1;
}

/* ---- recovery ---- */

/* Nothing has reverted yet. */
static int
recover_prepare(struct maqet_session *session, struct maqet_error **err)
{
    if (maqet_steps_remove(session, MAQET_SAVED_STATE, true, NULL, err) < 0)
        return -1;
    maqet_job_say(session->job, session->machine->run.pid > 0
                                    ? "nothing had been reverted, and the VM is "
                                      "running"
                                    : "nothing had been reverted; the VM is stopped");
    return 0;
}

/* Reverts drives to their saved state, if they have one. */
static int
recover_undo(struct maqet_session *session, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *saved =
            maqet_snapshots_find(&member->snapshots, MAQET_SAVED_STATE, NULL);

        if (saved && maqet_drive_snapshot_load(member->drive, saved, err) < 0)
            return -1;
    }
    if (delete_saved(session, err) < 0)
        return -1;
    maqet_job_say(session->job, "the drives are as they were before");
    return 0;
}

/* Finishes it, or else undoes it if the state before was saved. */
static int
recover_drives(struct maqet_session *session, const char *done, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (load_all(session, session->job->journal.name, &reason) == 0) {
        maqet_job_say(session->job, done);
        return 0;
    }
    if (maqet_members_refresh(session, err) < 0)
        return -1;
    if (session->count > 0 &&
        maqet_members_count_named(session, MAQET_SAVED_STATE) == session->count)
        return maqet_job_phase(session->job, MAQET_REVERT_UNDO, err) < 0
                   ? -1
                   : recover_undo(session, err);
    if (reason->code != MAQET_ERROR_MISSING)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_job_say(session->job, reason->message);
    return 0;
}

int
maqet_revert_recover(struct maqet_session *session, const char *done,
                     struct maqet_error **err)
{
    switch (session->job->journal.phase) {
    case MAQET_REVERT_PREPARE:
        return recover_prepare(session, err);
    case MAQET_REVERT_DRIVES:
        return recover_drives(session, done, err);
    default:
        return recover_undo(session, err);
    }
}
