/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "core/lifecycle/pause.h"

struct resumed {
    char *name;
    bool was_paused;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct resumed, MAQET_ROW(struct resumed, name, "the VM's name"),
    MAQET_ROW(struct resumed, was_paused, "whether it was paused before"));

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
    return maqet_format(resumed->was_paused ? "Resumed VM '%s'.\n"
                                            : "VM '%s' was not paused.\n",
                        resumed->name);
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
    return machines_run(invocation, resume_machine);
}

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
    .view = &view,
    .run = run,
};
