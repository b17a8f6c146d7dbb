/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/delete.h"

#include "core/job/recover.h"
#include "core/machine/forks.h"
#include "core/snapshot/delete.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"

/* Chooses the drives whose snapshots of that name belong to the checkpoint; one by which
 * another program, or the user, has replaced it stays. */
static int
choose_own(struct maqet_session *session, const struct maqet_checkpoint *about,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings own = MAQET_STRINGS_INIT;
    const char *name = about->name;

    if (maqet_members_read(session, &about->drives, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session) {
        const char *drive = member->drive->name;
        size_t count;
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, &count);

        if (count > 1)
            return maqet_member_error_duplicate(session, member, name, count, err);
        if (found && maqet_identity_belongs(about, drive, found))
            maqet_strings_add(&own, drive);
        else if (found)
            maqet_context_say(
                session->machine->context, MAQET_LEVEL_WARNING,
                "The snapshot '%s' of drive '%s' on VM '%s' does not belong to the "
                "checkpoint, and is not deleted",
                name, drive, session->machine->name);
    }
    return maqet_members_read(session, &own, err);
}

/* Machines that began with the checkpoint have its memory mapped, and stand on the snapshots of its
 * drives. */
static int
check_forks(const struct maqet_session *session, const char *name,
            struct maqet_error **err)
{
    const struct maqet_opened *machine = session->machine;
    _cleanup_strings_ struct maqet_strings forks = MAQET_STRINGS_INIT;

    if (maqet_forks_find(machine->vm, name, &forks, err) < 0)
        return -1;
    if (forks.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&forks);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The checkpoint '%s' of VM '%s' has forks, which need it: %s", name,
                    machine->name, list);
    maqet_error_hint(err, "Keep it until these VMs are removed");
    return -1;
}

int
maqet_checkpoint_delete(const struct maqet_context *context,
                        const struct maqet_checkpoint_request *request,
                        struct maqet_error **err)
{
    const char *name = request->name;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};

    if (!session)
        return -1;
    const char *vm = session->machine->name;
    if (maqet_state_file_about(context, vm, name, &about, err) < 0 ||
        check_forks(session, name, err) < 0 || choose_own(session, &about, err) < 0 ||
        maqet_session_begin(session, &maqet_kind_checkpoint_delete, name, NULL, err) < 0)
        return -1;
    if (maqet_state_file_remove(context, vm, name, err) < 0 ||
        maqet_steps_remove(session, name, false, NULL, err) < 0)
        return maqet_job_fail(session->job, err);
    return maqet_session_done(session, err);
}

/* ---- recovery ---- */

static int
recover(struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_opened *machine = session->machine;
    const char *name = session->job->journal.name;

    if (maqet_state_file_remove(machine->context, machine->name, name, err) < 0 ||
        maqet_steps_remove(session, name, true, NULL, err) < 0)
        return -1;
    maqet_job_say(session->job, "it has been completed");
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_checkpoint_delete = {
    .word = "checkpoint-delete",
    .noun = "deletion of checkpoint",
    MAQET_JOB_PHASES({.word = "remove",
                      .former = "delete-checkpoint",
                      .finishing = MAQET_DELETE_FINISHING}),
    .blocks_start = true,
    .only_recorded = true,
    .recover_session = recover,
    .recover = maqet_session_recover,
    .forget = maqet_session_forget,
};
