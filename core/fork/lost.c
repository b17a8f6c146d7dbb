/* SPDX-License-Identifier: MIT */
#include "core/fork/lost.h"

#include <string.h>

#include "core/base/interrupt.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"

/* Whether the machine of that name is a fork of the checkpoint. Nobody else makes one meanwhile, since
 * the source is locked. */
static bool
is_ours(const struct maqet_forking *forking, const char *name)
{
    const struct maqet_loading *loading = &forking->loading;
    _cleanup_fork_record_ struct maqet_fork_record record = {0};

    return maqet_fork_record_read(forking->context, name, &record) &&
           strcmp(record.source, loading->session->machine->vm->definition->uuid) == 0 &&
           strcmp(record.checkpoint, loading->about.name) == 0;
}

static int
error_unknown(const char *name, struct maqet_error *reason, struct maqet_error **err)
{
    maqet_error_move(err, reason);
    maqet_error_wrap(err, "The process of maqet that made it has ended, and what is left "
                          "of it could not be recovered");
    return maqet_error_next(err, MAQET_NEXT_RECOVER, name, NULL);
}

/* Of a fork that is complete. */
static int
report(const struct maqet_forking *forking, struct maqet_opened *machine,
       struct maqet_forked *forked, struct maqet_error **err)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, err);

    if (!vm)
        return -1;
    if (machine->run.pid == 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "It was made, but the process of maqet that made it has ended, "
                        "and so has its QEMU");
        return maqet_error_next(err, MAQET_NEXT_START, machine->name, NULL);
    }
    forked->name = maqet_strdup(machine->name);
    forked->uuid = maqet_strdup(vm->definition->uuid);
    forked->source = maqet_strdup(forking->loading.session->machine->name);
    forked->checkpoint = maqet_strdup(forking->loading.about.name);
    forked->discard = forking->discard;
    return maqet_fork_report(machine, forked, err);
}

/* Of one that is not there. */
static int
error_not_made(struct maqet_error **err)
{
    int signal = maqet_interrupt_number();

    if (signal == 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "It was not made, since the process of maqet that makes "
                               "it has ended");
    maqet_error_set(err, MAQET_ERROR_FAILED, "It was not begun");
    if (err && *err)
        (*err)->signal = signal;
    return -1;
}

static int
find(const struct maqet_forking *forking, const char *name, struct maqet_forked *forked,
     struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!is_ours(forking, name))
        return error_not_made(err);
    /* This recovers it. */
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(forking->context, name, MAQET_OPEN_LOCK, &reason);

    if (!maqet_store_has(forking->context, name))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "The process of maqet that made it has ended, and so has "
                               "the fork; nothing is left of it");
    return machine ? report(forking, machine, forked, err)
                   : error_unknown(name, TAKE_PTR(reason), err);
}

int
maqet_fork_find_lost(const struct maqet_forking *forking, const char *name,
                     struct maqet_forked *forked, struct maqet_error **err)
{
    /* What ends this command ends no recovery. */
    maqet_interrupt_defer(true);
    int result = find(forking, name, forked, err);
    maqet_interrupt_defer(false);
    return result;
}
