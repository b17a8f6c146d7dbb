/* SPDX-License-Identifier: MIT */
#include "core/fork/discard.h"

#include "core/job/recover.h"
#include "core/lifecycle/remove.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"

static bool
has_ended(const struct maqet_opened *machine)
{
    return machine->run.pid == 0 && machine->lock >= 0 &&
           !maqet_store_pending(machine->context, machine->name) &&
           maqet_fork_is_discarded(machine->context, machine->name);
}

int
maqet_fork_recover(struct maqet_opened *machine, struct maqet_error **err)
{
    const struct maqet_remove how = {.delete_storage = true};
    _cleanup_removal_ struct maqet_removal receipt = {0};

    if (maqet_job_recover(machine, err) < 0)
        return -1;
    if (!has_ended(machine))
        return 0;
    return maqet_opened_remove(machine, &how, &receipt, err) < 0
               ? -1
               : maqet_error_set(err, MAQET_ERROR_MISSING,
                                 "VM '%s' was a fork that is discarded when it has "
                                 "ended: it is gone",
                                 machine->name);
}

int
maqet_fork_settle(const struct maqet_context *context, const char *name,
                  struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!maqet_fork_is_discarded(context, name))
        return 0;
    maqet_opened_close(maqet_open(context, name, MAQET_OPEN_LOCK, &reason));
    return !reason || reason->code == MAQET_ERROR_MISSING
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}
