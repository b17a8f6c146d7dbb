/* SPDX-License-Identifier: MIT */
/*
 * checks.c - what is asked of a machine before anything happens to its snapshots.
 */
#include <string.h>

#include "core/base/shell.h"
#include "core/machine/drives.h"
#include "core/machine/state.h"
#include "core/snapshot/session.h"
#include "core/storage/image.h"
#include "core/storage/space.h"

static int
error_not_running(const struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_state state = {.status = MAQET_STATUS_STOPPED};

    maqet_state_look(session->machine->context, session->machine->name, &state, NULL);
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is not running (status: %s).",
                    session->machine->name, maqet_status_name(state.status));
    maqet_error_remark(err, "Live snapshots require running VM.");
    maqet_error_hint(err, "Start VM: maqet start %s", session->machine->name);
    maqet_error_hint(err, "Use offline snapshot (remove --live flag)");
    maqet_error_hint(err,
                     "Take whichever the VM's state asks for (--auto in the place of "
                     "--live)");
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
    maqet_error_hint(err, "Stop VM: maqet stop %s", session->machine->name);
    maqet_error_hint(err, "Use live snapshot (add --live flag)");
    maqet_error_hint(err, "Take whichever the VM's state asks for (add --auto)");
    return -1;
}

int
maqet_session_check_way(struct maqet_session *session, enum maqet_way way,
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

static int
error_missing(const struct maqet_session *session, const struct maqet_member *member,
              const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < member->snapshots.count; i++)
        maqet_strings_add(
            &names, maqet_session_name_of(session, member, member->snapshots.items[i]));
    const char *closest = maqet_text_closest(name, &names);
    _cleanup_free_ char *list = maqet_strings_list(&names);

    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "There is no snapshot '%s' of drive '%s' on VM '%s'", name,
                    member->drive->name, session->machine->name);
    maqet_error_remark(err, "There are: %s", list);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'?", closest);
    if (session->count > 1)
        maqet_error_hint(err, "Leave that drive out: --exclude %s", member->drive->name);
    return -1;
}

int
maqet_session_error_duplicate(const struct maqet_session *session,
                              const struct maqet_member *member, const char *name,
                              size_t count, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "Drive '%s' on VM '%s' has %zu snapshots named '%s', and it can't be "
                    "known which is meant",
                    member->drive->name, session->machine->name, count, name);
    if (!member->drive->path)
        return -1;
    _cleanup_free_ char *path = maqet_shell_quoted(member->drive->path);
    maqet_error_hint(err,
                     "See which there are: qemu-img snapshot -l %s. What one of them "
                     "holds shows in a copy of the image: qemu-img snapshot -a ID COPY",
                     path);
    return -1;
}

int
maqet_session_need(const struct maqet_session *session, const char *name,
                   struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        size_t count;

        maqet_session_find(session, member, name, &count);
        if (count == 0)
            return error_missing(session, member, name, err);
        if (count > 1)
            return maqet_session_error_duplicate(session, member, name, count, err);
    }
    return 0;
}

void
maqet_session_hint_space(const struct maqet_session *session, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++)
        maqet_image_hint_space(session->members[i].drive, err);
}
