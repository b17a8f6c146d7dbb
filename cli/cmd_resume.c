/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

struct resumed {
    char *name;
    bool was_paused;
};

static const struct maqet_field rows[] = {
    {"name", MAQET_FIELD(struct resumed, name), .help = "the machine's name"},
    {"was_paused", MAQET_FIELD(struct resumed, was_paused),
     .help = "whether it was paused before"},
    {0},
};
static const struct maqet_fields fields = MAQET_FIELDS(struct resumed, rows);

static int
resume_machine(struct invocation *invocation, const char *name, void *row,
               struct maqet_error **err)
{
    struct resumed *resumed = row;
    bool changed;

    if (maqet_vm_resume(&invocation->context, name, &changed, err) < 0)
        return -1;
    *resumed = (struct resumed){maqet_strdup(name), changed};
    return 0;
}

static char *
text(const void *row, bool colour)
{
    const struct resumed *resumed = row;

    (void)colour;
    return maqet_format(resumed->was_paused ? "Resumed virtual machine '%s'.\n"
                                            : "Virtual machine '%s' was not paused.\n",
                        resumed->name);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "name was_paused"},
    .text = text,
    .confirmation = true,
    .each = "virtual machine"};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, resume_machine);
}

static const struct command_example examples[] = {
    {"maqet resume myvm", "Let a paused guest go on"},
    {"maqet resume web db", "Let two go on at the same time"},
    {0},
};

const struct command command_resume = {
    .name = "resume",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Resume paused virtual machines",
    .description =
        "Lets guests go on that 'maqet pause' has paused, or QEMU itself since a disk of "
        "the host is full: nothing is lost then, and what could not be written is "
        "written "
        "now. 'maqet status' says which drive it is, on which file system it lies, and "
        "how "
        "much is free there. While there is no room, and where a drive fails again at "
        "once, the guest stays paused, and that is an error. Resuming what is not paused "
        "is no error; what does not run is one. A guest that stands still for a "
        "snapshot, a load or a start that was interrupted does not go on by this: "
        "'maqet recover' puts that right.",
    .examples = examples,
    .view = &view,
    .run = run,
};
