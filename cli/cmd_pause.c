/* SPDX-License-Identifier: MIT */
/* maqet pause and maqet resume. */
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"),
    {"was_paused", MAQET_FIELD(struct machine_result, before),
     .help = "whether it was paused before"});

/* ---- pause ---- */

static int
pause_machine(struct invocation *invocation, struct machine_result *machine,
              struct maqet_error **err)
{
    bool changed;

    if (maqet_vm_pause(&invocation->context, machine->name, &changed, err) < 0)
        return -1;
    machine->before = !changed;
    return 0;
}

static char *
pause_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "VM '%s' was already paused.\n"
                                        : "Paused VM '%s'.\n",
                        machine->name);
}

static const struct view pause_view = {
    .table = {.fields = &fields, .columns = "name was_paused"},
    .text = pause_text,
    .confirmation = true,
    .each = "VM"};

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
    .view = &pause_view,
    .run_each = pause_machine,
};

/* ---- resume ---- */

static int
resume_machine(struct invocation *invocation, struct machine_result *machine,
               struct maqet_error **err)
{
    return maqet_vm_resume(&invocation->context, machine->name, &machine->before, err);
}

static char *
resume_text(const void *row)
{
    const struct machine_result *machine = row;

    return maqet_format(machine->before ? "Resumed VM '%s'.\n"
                                        : "VM '%s' was not paused.\n",
                        machine->name);
}

static const struct view resume_view = {
    .table = {.fields = &fields, .columns = "name was_paused"},
    .text = resume_text,
    .confirmation = true,
    .each = "VM"};

const struct command command_resume = {
    .name = "resume",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Resume paused VMs",
    .description =
        "Resumes guests that were paused by 'maqet pause', or by QEMU because a disk "
        "of the host is full. In that case nothing is lost, and pending writes are "
        "repeated. 'maqet status' names the drive, its file system and the free "
        "space. As long as there is no space, or if a drive fails again at once, the "
        "guest stays paused, and that is an error. Resuming a guest that is not "
        "paused is not an error; resuming a VM that is not running is. A guest that "
        "is paused because a snapshot, a load or a start was interrupted is not "
        "resumed by this command; use 'maqet recover'.",
    .examples = {{"maqet resume myvm", "Resume a paused guest"},
                 {"maqet resume web db", "Resume two at the same time"}},
    .view = &resume_view,
    .run_each = resume_machine,
};
