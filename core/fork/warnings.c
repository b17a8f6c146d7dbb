/* SPDX-License-Identifier: MIT */
#include "core/fork/warnings.h"

#include "core/machine/generation.h"

/* Each QEMU reads the state from its beginning to its end. */
static void
warn_of_reading(const struct maqet_forking *forking)
{
    const struct maqet_checkpoint *about = &forking->loading.about;

    if (about->block)
        return;
    const char *why = about->unmappable    ? about->unmappable
                      : about->compression ? "it is compressed"
                                           : "it was stored with the devices";
    maqet_context_say(forking->context, MAQET_LEVEL_WARNING,
                      "The memory of the checkpoint '%s' of VM '%s' cannot be mapped, so "
                      "each fork reads all of it, and has it for itself: %s",
                      about->name, forking->loading.session->machine->name, why);
}

static void
warn_of_generation(const struct maqet_forking *forking)
{
    const struct maqet_vm *vm = forking->loading.session->machine->vm;

    if (maqet_vm_has_generation(vm))
        return;
    maqet_context_say(forking->context, MAQET_LEVEL_WARNING,
                      "VM '%s' has no generation ID, so its forks do not notice that they "
                      "are copies, and may draw the same random numbers; say "
                      "`generation_id: on` in its definition before it is started",
                      vm->definition->name);
}

void
maqet_fork_warn(const struct maqet_forking *forking)
{
    warn_of_reading(forking);
    warn_of_generation(forking);
}
