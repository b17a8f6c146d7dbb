/* SPDX-License-Identifier: MIT */
#include "core/fork/warnings.h"

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

void
maqet_fork_warn(const struct maqet_forking *forking)
{
    warn_of_reading(forking);
}
