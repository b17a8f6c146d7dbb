/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/verify.h"

#include "core/job/recover.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/checkpoint_memory.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"

int
maqet_checkpoint_verify(const struct maqet_context *context,
                        const struct maqet_checkpoint_request *request, int64_t *read,
                        struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_look(context, request->vm, err);
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};
    const char *name = request->name;

    if (!session)
        return -1;
    maqet_interrupted_warn(session->job);
    const char *vm = session->machine->name;
    if (maqet_state_file_about(context, vm, name, &about, err) < 0)
        return -1;
    if (about.block && session->machine->lock >= 0)
        maqet_memory_file_settle(context, vm, name);
    if (!about.checksum)
        return maqet_error_set(
            err, MAQET_ERROR_UNSUPPORTED,
            "The checkpoint '%s' of VM '%s' cannot be verified: it was "
            "created by an earlier version of maqet, without checksums",
            name, vm);
    *read = about.length;
    return maqet_members_read(session, &about.drives, err) < 0 ||
                   maqet_identity_check(session, &about, err) < 0 ||
                   maqet_members_need(session, name, err) < 0 ||
                   maqet_members_check_overlays(session, name, err) < 0 ||
                   maqet_state_file_verify(context, vm, name, &about, err) < 0
               ? -1
               : 0;
}
