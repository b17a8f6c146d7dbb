/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

static json_object *
pause_machine(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    bool changed;

    if (maqet_vm_pause(&invocation->context, name, &changed, err) < 0)
        return NULL;

    json_object *row = json_object_new_object();
    field_text(row, "name", name);
    json_object_object_add(row, "was_paused", json_object_new_boolean(!changed));
    return row;
}

static char *
text(json_object *row, bool colour)
{
    bool was_paused = json_object_get_boolean(json_object_object_get(row, "was_paused"));

    (void)colour;
    return maqet_format(was_paused ? "Virtual machine '%s' was paused already.\n"
                                   : "Paused virtual machine '%s'.\n",
                        field_get(row, "name"));
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, pause_machine);
}

static const struct command_example examples[] = {
    {"maqet pause myvm", "Pause one"},
    {"maqet pause web db", "Pause two at the same time"},
    {0},
};

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"was_paused", "WAS PAUSED", COLUMN_TEXT},
    {0},
};

const struct command command_pause = {
    .name = "pause",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Pause virtual machines",
    .description = "Stops the guests' CPUs. Memory and devices keep their state, in QEMU "
                   "and nowhere "
                   "else, until 'maqet resume'. Pausing a paused machine is not an "
                   "error; pausing one "
                   "that is not running is. 'maqet stop' resumes a paused guest, which "
                   "could not power "
                   "off otherwise. Several machines are paused at the same time.",
    .examples = examples,
    .view = {.columns = columns, .text = text, .confirmation = true},
    .run = run,
};
