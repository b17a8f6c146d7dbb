/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/cdrom.h"

struct changed {
    const char *vm;
    const char *drive;
    const char *file;
    bool running;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct changed, MAQET_ROW(struct changed, vm, "the VM's name"),
    MAQET_ROW(struct changed, drive, "the drive's name"),
    MAQET_ROW(struct changed, file, "the file that is in it now, as it was given",
              .optional = true),
    MAQET_ROW(struct changed, running, "whether a running guest sees it"));

static char *
text(const void *row)
{
    const struct changed *changed = row;

    return maqet_format("Drive '%s' of VM '%s' %s%s%s.\n", changed->drive, changed->vm,
                        changed->file ? "has " : "is empty",
                        changed->file ? changed->file : "",
                        changed->file ? " in it" : "");
}

static const struct view view = {.table = {.fields = &fields, .columns = "vm drive file"},
                                 .text = text,
                                 .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    struct changed changed = {.vm = operands[0],
                              .drive = operands[1],
                              .file =
                                  invocation->operands.count > 2 ? operands[2] : NULL};
    const struct maqet_cdrom how = {.drive = changed.drive,
                                    .file = changed.file,
                                    .force = invocation_has(invocation, "force"),
                                    .timeout =
                                        invocation_milliseconds(invocation, "timeout")};

    if (maqet_vm_cdrom(&invocation->context, changed.vm, &how, &changed.running, err) < 0)
        return -1;
    output_result(&invocation->output, &view, &changed);
    return 0;
}

#define OPTIONS                                                                          \
    {                                                                                    \
        OPTION_ROW("force", 'f',                                                         \
                   .help = "open the tray even if the guest has locked it"),             \
            OPTION_ROW("timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",    \
                       .fallback = "10",                                                 \
                       .help = "how long the guest may take to open a locked tray")      \
    }

static const struct command actions[] = {
    {.name = "insert",
     .undoes = true,
     .undone = "The medium was not changed",
     .summary = "Insert an image, instead of what is in the drive",
     .description =
         "Puts an image into a CD-ROM drive. What is in it is ejected first. The "
         "stored definition changes, too.",
     .operands = {OPERAND_MEDIUM},
     .options = OPTIONS,
     .examples = {{"maqet cdrom myvm install insert debian.iso",
                   "Put an image into the drive `install`"}},
     .view = &view,
     .run = run},
    {.name = "eject",
     .undoes = true,
     .undone = "The medium was not changed",
     .summary = "Eject what is in the drive",
     .description =
         "Opens the tray of a CD-ROM drive and takes out what is in it. A guest "
         "that has locked the tray is asked to open it. The stored definition "
         "changes, too.",
     .options = OPTIONS,
     .examples = {{"maqet cdrom myvm install eject", "Empty the drive `install`"}},
     .view = &view,
     .run = run},
    {.name = NULL},
};

const struct command command_cdrom = {
    .name = "cdrom",
    .summary = "Change the medium of a CD-ROM drive, also while the VM is running",
    .related = "detach",
    .operands = {OPERAND_VM, OPERAND_DRIVE | OPERAND_CDROM},
    .description =
        "The definition changes with the drive, so the medium is the same at the "
        "next start.",
    .actions = actions,
};
