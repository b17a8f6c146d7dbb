/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/ended_forks.h"

#include <unistd.h>

#include "core/machine/forks.h"
#include "core/machine/store.h"

bool
maqet_fork_has_ended(const struct maqet_context *context, const char *name)
{
    if (!maqet_fork_is_discarded(context, name) || maqet_fork_is_held(context, name) ||
        maqet_store_pending(context, name))
        return false;
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, name, 0, NULL);
    return machine && machine->run.pid == 0;
}

int
maqet_ended_fork_sweep(const struct maqet_context *context, const char *name,
                       struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_opened *fork = maqet_open(
        context, name, MAQET_OPEN_TRY_LOCK | MAQET_OPEN_ALLOW_PENDING, &reason);

    /* A run folder that was about to become its own is removed, too. */
    if (fork && fork->lock >= 0 &&
        (fork->run.pid > 0 || maqet_opened_enter(fork, &reason) == 0))
        maqet_opened_recover(fork, &reason);
    maqet_opened_close(fork);
    /* Its removal is reported as an error, too. */
    return !reason || !maqet_store_has(context, name)
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* Only a machine with checkpoints has forks. */
void
maqet_ended_forks_sweep(const struct maqet_opened *machine)
{
    const struct maqet_context *context = machine->context;
    _cleanup_free_ char *checkpoints =
        maqet_store_file(context, machine->name, MAQET_STORE_CHECKPOINTS);
    _cleanup_strings_ struct maqet_strings forks = MAQET_STRINGS_INIT;

    if (machine->lock < 0 || access(checkpoints, F_OK) < 0)
        return;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(machine, NULL);
    if (definition)
        maqet_forks_discarded(context, definition->uuid, &forks);
    for (size_t i = 0; i < forks.count; i++)
        (void)maqet_ended_fork_sweep(context, forks.items[i], NULL);
}
