/* SPDX-License-Identifier: MIT */
#include "core/snapshot/export.h"

#include "core/base/procfs.h"
#include "core/job/job.h"
#include "core/machine/bases.h"
#include "core/machine/exports.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/snapshot/members.h"

static int
record_export(void *data, const char *temporary, const struct maqet_file_id *id,
              struct maqet_error **err)
{
    const struct maqet_session *session = data;

    return maqet_exports_record(session->machine->context, session->machine->name,
                                temporary, id, err);
}

/*
 * An image that QEMU has open is read without locking it: QEMU's lock prevents other
 * programs from writing to it, and the machine's lock prevents maqet. If the same QEMU still
 * has it open afterwards, that was true all the time; else a snapshot may have been deleted
 * and its clusters overwritten while they were read.
 */
static int
verify_export(void *data, struct maqet_error **err)
{
    const struct maqet_session *session = data;
    const struct maqet_drive *drive = session->members[0].drive;

    if (session->machine->run.pid == 0 ||
        ((!drive->path || maqet_holders_has_open(session->machine->vm, drive,
                                                 session->machine->run.pid)) &&
         !maqet_pidfd_wait(session->machine->run.pidfd, 0)))
        return 0;
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "VM '%s', drive '%s': QEMU ended or closed the image during the "
                    "export, so another program may have changed the image; nothing "
                    "was exported",
                    session->machine->name, drive->name);
    maqet_error_hint(err, "Try again");
    return -1;
}

/* Whether the drive can be read in the machine's present state. If QEMU runs, its monitor is
 * left, since an export takes long and does not need it. */
static int
check_readable(struct maqet_session *session, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    if (session->machine->run.pid == 0)
        return maqet_members_check_holders(session, err);
    maqet_monitor_leave(session->machine);
    if (drive->storage->plugin.flags & MAQET_STORAGE_LIVE_READ)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is running, and drives of the type %s cannot be read by "
                    "another program meanwhile",
                    session->machine->name, drive->storage->plugin.name);
    return maqet_error_next(err, MAQET_NEXT_STOP, session->machine->name, NULL);
}

int
maqet_snapshot_export(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request,
                      const struct maqet_export *export, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);
    const struct maqet_export_recorder recorder = {
        .record = record_export, .verify = verify_export, .data = session};

    if (!session || maqet_members_choose(session, request->drive, err) < 0 ||
        maqet_members_refresh(session, err) < 0 ||
        maqet_members_need(session, request->name, err) < 0)
        return -1;
    const struct maqet_member *member = &session->members[0];
    if (maqet_drive_check_fault(member->drive, MAQET_FAULT_STORAGE, err) < 0 ||
        check_readable(session, member->drive, err) < 0 ||
        maqet_bases_check(member->drive, err) < 0 ||
        maqet_members_check_overlays(session, request->name, err) < 0)
        return -1;
    int result = maqet_drive_snapshot_export(
        member->drive, maqet_member_find(session, member, request->name, NULL), export,
        &recorder, err);
    maqet_exports_sweep(context, session->machine->name);
    return result;
}

/* ---- recovery ---- */

/* A file that cannot be removed now is not an error. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    (void)err;
    maqet_exports_sweep(job->machine->context, job->machine->name);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_export = {
    .word = "export",
    .noun = "export of snapshot",
    .file = MAQET_STORE_EXPORTS,
    .recover = recover,
};
