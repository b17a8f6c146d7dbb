/* SPDX-License-Identifier: MIT */
/*
 * delete.c - deleting snapshots, and writing what one holds to a file.
 */
#include "core/snapshot/identity.h"
#include "core/snapshot/session.h"

/* Deletes the snapshot of each drive; @drives gets those that it is gone of. */
static int
delete_all(struct maqet_session *session, const char *name, struct maqet_strings *drives,
           struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            maqet_session_find(session, member, name, NULL);

        if (maqet_session_remove(session, member, found, err) < 0)
            return -1;
        maqet_history_removed(session->history, member->drive->name, found);
        maqet_history_alias_set(session->history, member->drive->name, found, NULL);
        maqet_strings_add(drives, member->drive->name);
    }
    return 0;
}

int
maqet_snapshot_delete(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request,
                      struct maqet_strings *drives, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);

    if (!session || maqet_session_repair(session, err) < 0 ||
        maqet_session_check_way(session, request->way, err) < 0 ||
        maqet_session_choose(session, request->drive, request->exclude, NULL, err) < 0 ||
        maqet_session_refresh(session, err) < 0 ||
        maqet_session_need(session, request->name, err) < 0 ||
        maqet_identity_check_none(session, request->name, err) < 0 ||
        (!request->drive &&
         maqet_identity_check_set(session, request->name, "delete", err) < 0) ||
        maqet_session_begin(session, MAQET_OPERATION_DELETE, request->name, NULL, err) <
            0)
        return -1;
    int result = delete_all(session, request->name, drives, err);
    /* What is gone is gone: a failure ends the operation, and there is nothing to undo.
     */
    if (maqet_history_save(session->history, result < 0 ? NULL : err) < 0)
        result = -1;
    if (maqet_session_done(session, result < 0 ? NULL : err) < 0)
        result = -1;
    if (result < 0)
        maqet_session_hint_space(session, err);
    if (result < 0 && drives->count > 0) {
        _cleanup_free_ char *list = maqet_strings_join(drives, ", ");
        maqet_error_hint(err, "It is deleted of: %s", list);
    }
    return result;
}

int
maqet_snapshot_export(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request, const char *path,
                      const char *format, bool compress, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);

    if (!session || maqet_session_repair(session, err) < 0)
        return -1;
    if (session->pid > 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s' is running, and an image that is in use is not read by "
                        "another program",
                        session->name);
        maqet_error_hint(err, "Stop VM: maqet stop %s", session->name);
        return -1;
    }
    if (maqet_session_choose(session, request->drive, NULL, NULL, err) < 0 ||
        maqet_session_refresh(session, err) < 0 ||
        maqet_session_need(session, request->name, err) < 0 ||
        maqet_session_check_holders(session, err) < 0)
        return -1;
    return maqet_drive_snapshot_export(
        session->members[0].drive,
        maqet_session_find(session, &session->members[0], request->name, NULL), path,
        format, compress, err);
}
