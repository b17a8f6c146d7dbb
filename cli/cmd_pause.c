/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

struct paused {
    char *name;
    bool was_paused;
};

static const struct maqet_fields fields =
    MAQET_FIELDS_OF(struct paused, MAQET_ROW(struct paused, name, "the VM's name"),
                    MAQET_ROW(struct paused, was_paused, "whether it was paused before"));

static int
pause_machine(struct invocation *invocation, const char *name, void *row,
              struct maqet_error **err)
{
    struct paused *paused = row;
    bool changed;

    if (maqet_vm_pause(&invocation->context, name, &changed, err) < 0)
        return -1;
    *paused = (struct paused){maqet_strdup(name), !changed};
    return 0;
}

static char *
text(const void *row, bool colour)
{
    const struct paused *paused = row;

    (void)colour;
    return maqet_format(paused->was_paused ? "VM '%s' was already paused.\n"
                                           : "Paused VM '%s'.\n",
                        paused->name);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "name was_paused"},
    .text = text,
    .confirmation = true,
    .each = "VM"};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, pause_machine);
}

const struct command command_pause = {
    .name = "pause",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Pause VMs",
    .description = "Stops the guests' CPUs. Memory and devices keep their state "
                   "inside QEMU until 'maqet resume'. Pausing a paused VM is not an "
                   "error; pausing a VM that is not running is. 'maqet stop' resumes "
                   "a paused guest, which could not power off otherwise. Several VMs "
                   "are paused at the same time.",
    .examples = {{"maqet pause myvm", "Pause one"},
                 {"maqet pause web db", "Pause two at the same time"}},
    .view = &view,
    .run = run,
};
