/* SPDX-License-Identifier: MIT */
#include "core/snapshot/recover.h"

#include "core/snapshot/session.h"

int
maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                       enum maqet_recovery_way way, bool *pending,
                       struct maqet_strings *kept, struct maqet_error **err)
{
    if (maqet_job_decide(context, vm, way, pending, kept, err) < 0)
        return -1;
    if (*pending && way == MAQET_RECOVERY_FORGET)
        return 0;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, err);
    return session ? 0 : -1;
}
