/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

static json_object *
resume_machine(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    bool changed;

    if (maqet_vm_resume(&invocation->context, name, &changed, err) < 0)
        return NULL;

    json_object *row = json_object_new_object();
    field_text(row, "name", name);
    json_object_object_add(row, "was_paused", json_object_new_boolean(changed));
    return row;
}

static char *
text(json_object *row, bool colour)
{
    bool was_paused = json_object_get_boolean(json_object_object_get(row, "was_paused"));

    (void)colour;
    return maqet_format(was_paused ? "Resumed virtual machine '%s'.\n"
                                   : "Virtual machine '%s' was not paused.\n",
                        field_get(row, "name"));
}

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

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"was_paused", "WAS PAUSED", COLUMN_TEXT},
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
    .view = {.columns = columns, .text = text, .confirmation = true},
    .run = run,
};
