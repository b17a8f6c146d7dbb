/* SPDX-License-Identifier: MIT */
#include "core/fork/discard.h"

#include "core/job/recover.h"
#include "core/lifecycle/ended_forks.h"
#include "core/lifecycle/remove.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"
#include "core/machine/vm.h"

static const int64_t USED_TIMEOUT = 10000; /* ms for which an image may be in use */

static bool
has_ended(const struct maqet_opened *machine)
{
    return machine->run.pid == 0 && machine->lock >= 0 &&
           !maqet_store_pending(machine->context, machine->name) &&
           maqet_fork_is_discarded(machine->context, machine->name);
}

/* Whether an image was created for it. */
static bool
is_own(const struct maqet_vm *vm, const char *path)
{
    const struct maqet_drive *drive = path ? maqet_vm_find_path(vm, path) : NULL;

    return drive && drive->record && drive->record->created;
}

static void
say_kept(const struct maqet_opened *machine, const struct maqet_vm *vm,
         const struct maqet_removal *receipt)
{
    for (size_t i = 0; i < receipt->count; i++) {
        const struct maqet_removal_file *file = &receipt->files[i];

        if (!file->removed && is_own(vm, file->path))
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                              "The discarded VM '%s' leaves %s: %s", machine->name,
                              file->path, file->reason);
    }
}

/* Forks of the machine itself, which need its checkpoints. */
static int
check_forks(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings forks = MAQET_STRINGS_INIT;

    if (maqet_forks_find(vm, NULL, &forks, err) < 0)
        return -1;
    if (forks.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&forks);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is a fork that is discarded when it has ended, but has "
                    "forks itself, which need its checkpoints: %s",
                    vm->definition->name, list);
    maqet_error_hint(err,
                     "Once they are removed, the next command that names '%s' removes "
                     "that VM, too",
                     vm->definition->name);
    return -1;
}

/* A command is run beside it, which may have ended it; that removes it then. */
static int
check_not_held(const struct maqet_opened *machine, struct maqet_error **err)
{
    return maqet_fork_is_held(machine->context, machine->name)
               ? maqet_error_set(err, MAQET_ERROR_STATE,
                                 "VM '%s' is a fork for one command, and has ended",
                                 machine->name)
               : 0;
}

int
maqet_fork_remove(struct maqet_opened *machine, struct maqet_error **err)
{
    const struct maqet_remove how = {.delete_storage = true, .patience = USED_TIMEOUT};
    _cleanup_removal_ struct maqet_removal receipt = {0};
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);

    if ((vm && check_forks(vm, err) < 0) ||
        maqet_store_check_removal(machine->context, machine->name, err) < 0 ||
        maqet_opened_remove(machine, &how, &receipt, err) < 0)
        return -1;
    if (vm)
        say_kept(machine, vm, &receipt);
    return 0;
}

int
maqet_fork_recover(struct maqet_opened *machine, struct maqet_error **err)
{
    if (maqet_job_recover(machine, err) < 0)
        return -1;
    maqet_ended_forks_sweep(machine);
    if (!has_ended(machine))
        return 0;
    if (check_not_held(machine, err) < 0 || maqet_fork_remove(machine, err) < 0)
        return -1;
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

    if (!maqet_fork_is_discarded(context, name) || maqet_fork_is_held(context, name))
        return 0;
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(context, name, NULL);
    /* It was stopped, as the user wanted. */
    if (vm && check_forks(vm, &reason) < 0) {
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, reason);
        return 0;
    }
    maqet_opened_close(maqet_open(context, name, MAQET_OPEN_LOCK, &reason));
    return !reason || reason->code == MAQET_ERROR_MISSING
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}
