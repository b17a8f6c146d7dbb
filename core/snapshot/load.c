/* SPDX-License-Identifier: MIT */
#include "core/snapshot/load.h"

#include "core/lifecycle/start.h"
#include "core/snapshot/choice.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/revert.h"

/* Whether all drives have the snapshot; if they are all drives, that of the set. */
static int
check_snapshots(const struct maqet_session *session,
                const struct maqet_snapshot_request *request, struct maqet_error **err)
{
    if (maqet_members_need(session, request->name, err) < 0)
        return -1;
    return request->drive ? 0
                          : maqet_identity_check_set(session, request->name, false, err);
}

/* Opens the machine and makes sure that all drives have the snapshot. */
static struct maqet_session *
open_loadable(const struct maqet_context *context,
              const struct maqet_snapshot_request *request,
              struct maqet_snapshot_left *left, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);

    if (!session)
        return NULL;
    session->machine->silent = session->machine->run.pid > 0 && request->silent;
    /* QEMU will be ended, and its answers only save reading the images. */
    session->machine->on_silence = MAQET_ON_SILENCE_END;
    if (maqet_choice_make(session, request, MAQET_PURPOSE_LOAD, left, err) < 0 ||
        check_snapshots(session, request, err) < 0)
        return NULL;
    /* If the request says that QEMU is silent, this has been said before. */
    if (session->machine->silent && !request->silent && !request->drive)
        maqet_context_say(
            context, MAQET_LEVEL_WARNING,
            "VM '%s': disks that were added through QEMU's monitor are unknown, "
            "because QEMU does not answer; they are not changed",
            session->machine->name);
    return TAKE_PTR(session);
}

int
maqet_snapshot_loadable(const struct maqet_context *context,
                        const struct maqet_snapshot_request *request, bool *live,
                        bool *silent, struct maqet_strings *drives,
                        struct maqet_snapshot_left *left, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        open_loadable(context, request, left, err);

    if (!session)
        return -1;
    *live = session->machine->run.pid > 0;
    *silent = session->machine->silent;
    maqet_members_names(session, drives);
    return *live ? maqet_revert_check_startable(session, err) : 0;
}

/* Snapshots of the same name that were not created together are a state that the machine
 * never had. */
static void
warn_of_mixture(const struct maqet_session *session, const char *name)
{
    for (size_t i = 0; session->count > 1 && i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *snapshot =
            maqet_member_find(session, member, name, NULL);

        if (maqet_history_in_set(session->history, name, member->drive->name, snapshot))
            continue;
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "VM '%s': the snapshots '%s' were not created together, as "
                          "far as is known",
                          session->machine->name, name);
        return;
    }
}

/* For the checks that are repeated after QEMU has ended. */
struct load {
    struct maqet_session *session;
    const struct maqet_snapshot_request *request;
};

static int
check_again(const void *data, struct maqet_error **err)
{
    const struct load *load = data;

    return check_snapshots(load->session, load->request, err);
}

int
maqet_snapshot_load(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request, int *pid,
                    struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        open_loadable(context, request, NULL, err);
    _cleanup_definition_ struct maqet_definition *definition = NULL;
    const struct load load = {session, request};

    *pid = 0;
    if (!session)
        return -1;
    struct maqet_opened *machine = session->machine;
    bool runs = machine->run.pid > 0;
    if (runs && maqet_revert_check_startable(session, err) < 0)
        return -1;
    warn_of_mixture(session, request->name);
    if (runs) {
        definition = maqet_opened_definition(machine, err);
        if (!definition)
            return -1;
    }
    if (maqet_revert_run(session, &maqet_kind_load, request->name, check_again, &load,
                         err) < 0)
        return -1;
    if (runs && maqet_vm_start_again(machine, TAKE_PTR(definition), NULL,
                                     request->timeout, err) < 0) {
        maqet_error_wrap(err, "The snapshot is loaded, but VM '%s' is stopped",
                         machine->name);
        return maqet_error_next(err, MAQET_NEXT_START_WHEN_POSSIBLE, machine->name, NULL);
    }
    *pid = machine->run.pid;
    return 0;
}

/* ---- recovery ---- */

static int
recover(struct maqet_session *session, struct maqet_error **err)
{
    return maqet_revert_recover(session, "it has been completed; the VM is stopped", err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_load = {
    .word = "load",
    .noun = "load of snapshot",
    MAQET_JOB_PHASES(MAQET_REVERT_PHASES("prepare-load", "load", "undo-load")),
    .blocks_start = true,
    .saved_state = MAQET_SAVED_STATE,
    .recover_session = recover,
    .recover = maqet_session_recover,
    .forget = maqet_session_forget,
};
