/* SPDX-License-Identifier: MIT */
#include "core/snapshot/delete.h"

#include "core/snapshot/choice.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"

int
maqet_snapshot_delete(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request,
                      struct maqet_strings *drives, struct maqet_snapshot_left *left,
                      struct maqet_error **err)
{
    const char *name = request->name;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);

    if (!session ||
        maqet_choice_make(session, request, MAQET_PURPOSE_DELETE, left, err) < 0 ||
        maqet_members_need(session, name, err) < 0 ||
        maqet_identity_check_none(session, name, err) < 0 ||
        (!request->drive && maqet_identity_check_set(session, name, true, err) < 0) ||
        maqet_session_begin(session, &maqet_kind_delete, name, NULL, err) < 0)
        return -1;
    int result = maqet_steps_remove(session, name, false, drives, err);
    if (result == 0 && !request->drive)
        maqet_history_set_forget(session->history, name);
    /* A deletion cannot be undone, so a failure ends the job. */
    if (maqet_history_save(session->history, result < 0 ? NULL : err) < 0)
        result = -1;
    if (result < 0)
        maqet_job_hint_space(session->job, err);
    if (maqet_job_done(session->job, result < 0 ? NULL : err) < 0)
        result = -1;
    if (result < 0 && drives->count > 0) {
        _cleanup_free_ char *list = maqet_strings_list(drives);
        maqet_error_remark(err, "Deleted from: %s", list);
    }
    return result;
}

/* ---- recovery ---- */

static int
recover(struct maqet_session *session, struct maqet_error **err)
{
    if (maqet_steps_remove(session, session->job->journal.name, true, NULL, err) < 0)
        return -1;
    maqet_job_say(session->job, "it has been completed");
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_delete = {
    .word = "delete",
    .noun = "deletion of snapshot",
    MAQET_JOB_PHASES(
        {.word = "remove", .former = "delete", .finishing = MAQET_DELETE_FINISHING}),
    .blocks_start = true,
    .only_recorded = true,
    .recover_session = recover,
    .recover = maqet_session_recover,
    .forget = maqet_session_forget,
};
