/* SPDX-License-Identifier: MIT */
/*
 * load.c - reverting drives to a snapshot. One that runs is ended first and started again
 * afterwards, as it was.
 */
#include <string.h>

#include "core/lifecycle/start.h"
#include "core/lifecycle/startable.h"
#include "core/machine/check.h"
#include "core/machine/run.h"
#include "core/snapshot/choice.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/saved_state.h"
#include "core/snapshot/session.h"

/* Whether all drives have the snapshot; of several, the one that was taken together with
 * the others. */
static int
check_snapshots(const struct maqet_session *session,
                const struct maqet_snapshot_request *request, struct maqet_error **err)
{
    if (maqet_session_need(session, request->name, err) < 0)
        return -1;
    return request->drive ? 0
                          : maqet_identity_check_set(session, request->name, "load", err);
}

/* Opens the machine and makes sure that all drives have the snapshot. */
static struct maqet_session *
open_loadable(const struct maqet_context *context,
              const struct maqet_snapshot_request *request,
              struct maqet_snapshot_left *left, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);

    if (!session)
        return NULL;
    session->machine->silent = session->machine->run.pid > 0 && request->silent;
    if (maqet_session_repair(session, err) < 0)
        return NULL;
    /* Where nothing is left to be put right, QEMU is to be ended, and its answers only
     * spare us the images. */
    session->machine->on_silence = MAQET_ON_SILENCE_END;
    if (maqet_session_check_way(session, request->way, err) < 0 ||
        maqet_session_choose_for(session, request, MAQET_PURPOSE_LOAD, left, err) < 0 ||
        check_snapshots(session, request, err) < 0)
        return NULL;
    /* Whoever has found out before that QEMU is silent has said so, too. */
    if (session->machine->silent && !request->silent && !request->drive)
        maqet_context_say(
            context, MAQET_LEVEL_WARNING,
            "VM '%s': disks that were added by QEMU's monitor are not known, "
            "since QEMU does not answer; they are left alone",
            session->machine->name);
    return TAKE_PTR(session);
}

/* Before QEMU is ended: whether it could be started again. */
static int
check_restart(const struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_definition *definition =
        session->machine->run.pid > 0 ? maqet_opened_definition(session->machine, err)
                                      : NULL;

    if (!definition)
        return session->machine->run.pid > 0 ? -1 : 0;
    return maqet_vm_check_startable(session->machine->context, definition,
                                    MAQET_STARTABLE_AGAIN, NULL, err);
}

int
maqet_snapshot_loadable(const struct maqet_context *context,
                        const struct maqet_snapshot_request *request, bool *live,
                        bool *silent, struct maqet_strings *drives,
                        struct maqet_snapshot_left *left, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        open_loadable(context, request, left, err);

    if (!session || check_restart(session, err) < 0)
        return -1;
    if (live)
        *live = session->machine->run.pid > 0;
    if (silent)
        *silent = session->machine->silent;
    for (size_t i = 0; i < session->count; i++)
        maqet_strings_add(drives, session->members[i].drive->name);
    return 0;
}

/* Snapshots of the same name that were not taken together are no state that the machine
 * ever had. */
static void
warn_of_mixture(const struct maqet_session *session, const char *name)
{
    for (size_t i = 0; session->count > 1 && i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *snapshot =
            maqet_session_find(session, member, name, NULL);

        if (maqet_history_in_set(session->history, name, member->drive->name, snapshot))
            continue;
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "Virtual machine '%s': the snapshots '%s' were not taken "
                          "together, as far as is known",
                          session->machine->name, name);
        return;
    }
}

int
maqet_session_revert(struct maqet_session *session, const char *name,
                     struct maqet_error **err)
{
    struct maqet_stillness none = {0};

    /* A single drive needs no other to be in step with. */
    if (session->count > 1 &&
        (maqet_session_create(session, MAQET_SAVED_STATE, -1, &none, err) < 0 ||
         maqet_session_refresh(session, err) < 0))
        return -1;
    if (maqet_session_phase(session, MAQET_OPERATION_LOAD, err) < 0)
        return -1;
    if (maqet_load_all(session, name, err) == 0)
        return 0;
    /* Not by being killed but by failing: back, and not on. */
    if (session->count > 1)
        maqet_session_phase(session, MAQET_OPERATION_UNDO, NULL);
    return -1;
}

static int
start_again(struct maqet_session *session, struct maqet_definition *definition,
            int64_t timeout, int *pid, struct maqet_error **err)
{
    if (maqet_vm_start_again(session->machine, definition, NULL, timeout, err) == 0) {
        if (pid)
            *pid = session->machine->run.pid;
        return 0;
    }
    maqet_error_wrap(err, "The snapshot is loaded, but VM '%s' is stopped",
                     session->machine->name);
    maqet_error_hint(err, "Once it can start, start it: maqet start %s",
                     session->machine->name);
    return -1;
}

int
maqet_snapshot_load(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request, int *pid,
                    struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        open_loadable(context, request, NULL, err);
    _cleanup_definition_ struct maqet_definition *definition = NULL;

    if (pid)
        *pid = 0;
    if (!session || check_restart(session, err) < 0)
        return -1;
    warn_of_mixture(session, request->name);
    bool runs = session->machine->run.pid > 0;
    if (runs) {
        definition = maqet_opened_definition(session->machine, err);
        if (!definition)
            return -1;
    }
    if (maqet_session_begin(session, MAQET_OPERATION_PREPARE, request->name, NULL, err) <
        0)
        return -1;
    if ((runs && (maqet_opened_end_qemu(session->machine, err) < 0 ||
                  maqet_vm_check_drives(session->machine->vm, err) < 0 ||
                  maqet_session_refresh(session, err) < 0 ||
                  check_snapshots(session, request, err) < 0)) ||
        maqet_session_revert(session, request->name, err) < 0 ||
        maqet_history_save(session->history, err) < 0 ||
        maqet_session_done(session, err) < 0) {
        maqet_session_recover(session, err);
        if (runs && session->machine->run.pid == 0)
            maqet_error_hint(err, "The machine is stopped; start it: maqet start %s",
                             session->machine->name);
        return -1;
    }
    return runs ? start_again(session, TAKE_PTR(definition), request->timeout, pid, err)
                : 0;
}
