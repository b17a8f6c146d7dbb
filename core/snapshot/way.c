/* SPDX-License-Identifier: MIT */
#include "core/snapshot/way.h"

#include "core/machine/drives.h"
#include "core/machine/monitor.h"
#include "core/machine/state.h"

static int
error_not_running(const struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_state state = {.status = MAQET_STATUS_STOPPED};

    maqet_state_look(session->machine->context, session->machine->name, &state, NULL);
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is not running (status: %s).",
                    session->machine->name, maqet_status_name(state.status));
    maqet_error_remark(err, "Live snapshots require running VM.");
    maqet_error_next(err, MAQET_NEXT_START_FOR_LIVE, session->machine->name, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_OFFLINE, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_AUTO_FOR_LIVE, NULL);
    return -1;
}

static int
error_running(const struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_state_ struct maqet_state state = {.status = MAQET_STATUS_RUNNING};

    maqet_state_read(session->machine->context, session->machine->name, &state, NULL);
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is %s.", session->machine->name,
                    state.pid > 0 ? maqet_state_text(&state)
                                  : maqet_status_name(MAQET_STATUS_RUNNING));
    maqet_error_remark(err, "Offline snapshots require stopped VM.");
    maqet_error_next(err, MAQET_NEXT_STOP, session->machine->name, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_LIVE, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_AUTO, NULL);
    return -1;
}

int
maqet_way_check(struct maqet_session *session, enum maqet_way way,
                struct maqet_error **err)
{
    if (way == MAQET_WAY_LIVE && session->machine->run.pid == 0)
        return error_not_running(session, err);
    if (way == MAQET_WAY_OFFLINE && session->machine->run.pid > 0)
        return error_running(session, err);
    if (session->machine->run.pid == 0)
        return 0;
    _cleanup_error_ struct maqet_error *reason = NULL;
    if (maqet_vm_drives_check_asked(session->machine, &reason) == 0)
        return 0;
    /* Where nobody but this machine can use its drives, there was nothing to ask. */
    return maqet_monitor_does_without(session->machine) &&
                   !maqet_vm_drives_are_asked_again(session->machine->vm)
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}
