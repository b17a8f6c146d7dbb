/* SPDX-License-Identifier: MIT */
#include "core/fork/warnings.h"

#include "core/fork/shown.h"
#include "core/machine/generation.h"
#include "core/machine/scratch.h"
#include "core/storage/conversion.h"

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
                      "each fork or run reads all of it, and has it for itself: %s",
                      about->name, forking->loading.session->machine->name, why);
}

static void
warn_of_generation(const struct maqet_forking *forking)
{
    const struct maqet_vm *vm = forking->loading.session->machine->vm;

    if (maqet_vm_has_generation(vm))
        return;
    maqet_context_say(
        forking->context, MAQET_LEVEL_WARNING,
        "VM '%s' has no generation ID, so the guests of its forks and runs do not "
        "notice that they are copies, and may draw the same random numbers; add "
        "`generation_id: on` to its definition, start it again, and create another "
        "checkpoint",
        vm->definition->name);
}

/* Drives that are shown; those with overlays are never encrypted. */
static void
find_encrypted(const struct maqet_forking *forking, struct maqet_strings *found)
{
    _cleanup_strings_ struct maqet_strings shown = MAQET_STRINGS_INIT;

    maqet_fork_list_shown(forking, &shown);
    for (size_t i = 0; i < forking->plan.count; i++) {
        const struct maqet_clone_drive *item = &forking->plan.drives[i];
        bool encrypted = false;

        if (item->from.of != MAQET_COPY_NODE &&
            maqet_strings_has(&shown, item->drive->name) &&
            maqet_convert_is_encrypted(item->drive, &encrypted, NULL) == 0 && encrypted)
            maqet_strings_addf(found, "'%s'", item->drive->name);
    }
}

/* QEMU's temporary files are not. */
static void
warn_of_encryption(const struct maqet_forking *forking)
{
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;

    find_encrypted(forking, &found);
    if (found.count == 0)
        return;
    _cleanup_free_ char *list = maqet_strings_list(&found);
    maqet_context_say(
        forking->context, MAQET_LEVEL_WARNING,
        "VM '%s' has encrypted drives (%s), but what the guest of a run, or of a fork "
        "that is discarded, writes to them goes unencrypted to temporary files in %s",
        forking->loading.session->machine->name, list, maqet_scratch_folder());
}

void
maqet_fork_warn(const struct maqet_forking *forking)
{
    warn_of_reading(forking);
    warn_of_generation(forking);
    warn_of_encryption(forking);
}
