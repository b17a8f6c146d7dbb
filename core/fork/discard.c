/* SPDX-License-Identifier: MIT */
#include "core/fork/discard.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/job/recover.h"
#include "core/lifecycle/remove.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"

/* ms for which an image may be in use. */
static const int64_t USED_TIMEOUT = 10000;

static bool
has_ended(const struct maqet_opened *machine)
{
    return machine->run.pid == 0 && machine->lock >= 0 &&
           !maqet_store_pending(machine->context, machine->name) &&
           maqet_fork_is_discarded(machine->context, machine->name);
}

/* An image of its own that stays, from the index on; NULL: there is none. */
static const struct maqet_removal_file *
next_kept(const struct maqet_vm *vm, const struct maqet_removal *removal, size_t *index)
{
    while (*index < removal->count) {
        const struct maqet_removal_file *file = &removal->files[(*index)++];

        for (size_t i = 0; !file->removed && i < vm->drive_count; i++)
            if (vm->drives[i]->record && vm->drives[i]->record->created && file->path &&
                vm->drives[i]->path && strcmp(vm->drives[i]->path, file->path) == 0)
                return file;
    }
    return NULL;
}

/* Another program, such as another maqet, may have an image open for a moment, which would stay. */
static int
wait_until_free(const struct maqet_opened *machine, const struct maqet_vm *vm,
                const struct maqet_remove *how, struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(USED_TIMEOUT);

    for (;;) {
        _cleanup_removal_ struct maqet_removal plan = {0};
        size_t index = 0;

        if (maqet_vm_plan_removal(machine->context, machine->name, how, &plan, err) < 0)
            return -1;
        if (!next_kept(vm, &plan, &index) || maqet_deadline_left(deadline) == 0)
            return maqet_interrupt_check(err);
        maqet_sleep(50);
    }
}

static void
say_kept(const struct maqet_opened *machine, const struct maqet_vm *vm,
         const struct maqet_removal *receipt)
{
    size_t index = 0;

    for (const struct maqet_removal_file *file; (file = next_kept(vm, receipt, &index));)
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "The discarded VM '%s' leaves %s: %s", machine->name,
                          file->path, file->reason);
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
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);

    if ((vm && wait_until_free(machine, vm, &how, err) < 0) ||
        maqet_store_check_removal(machine->context, machine->name, err) < 0 ||
        maqet_opened_remove(machine, &how, &receipt, err) < 0)
        return -1;
    if (vm)
        say_kept(machine, vm, &receipt);
    return maqet_error_set(err, MAQET_ERROR_MISSING,
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
