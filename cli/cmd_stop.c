/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/start_stop.h"
#include "core/lifecycle/stop.h"

const struct maqet_fields stopped_fields =
    MAQET_FIELDS_OF(struct stopped, MAQET_ROW(struct stopped, name, "the VM's name"),
                    MAQET_ROW(struct stopped, was_running, "whether it ran before"));

int
stop_machine(struct invocation *invocation, const char *name, void *row,
             struct maqet_error **err)
{
    struct maqet_stop stop = {
        .timeout = invocation_milliseconds(invocation, "timeout"),
        .force = invocation_has(invocation, "force"),
        .waiting = machines_waiting,
        .data = invocation,
    };
    struct stopped *stopped = row;

    if (maqet_vm_stop(&invocation->context, name, &stop, &stopped->was_running, err) < 0)
        return -1;
    stopped->name = maqet_strdup(name);
    return 0;
}

static char *
text(const void *row, bool colour)
{
    const struct stopped *stopped = row;

    (void)colour;
    return maqet_format(stopped->was_running ? "Stopped VM '%s'.\n"
                                             : "VM '%s' was not running.\n",
                        stopped->name);
}

static const struct view view = {
    .table = {.fields = &stopped_fields, .columns = "name was_running"},
    .text = text,
    .confirmation = true,
    .each = "VM"};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    (void)err;
    return machines_run(invocation, stop_machine);
}

const struct command command_stop = {
    .name = "stop",
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Stop VMs",
    .description =
        "Presses the power button, repeatedly every few seconds, until the guest has "
        "powered off and QEMU has ended, so that its images are free. If the guest "
        "takes too long, it is left running, and that is an error; with --force QEMU "
        "is then killed, which is like a power failure for the guest. If QEMU does "
        "not answer, the button cannot be pressed: the error gives the reason, if "
        "known, and with --force QEMU is ended at once. The same holds for a guest "
        "that QEMU paused because a disk of the host is full, which cannot see the "
        "button before 'maqet resume'. Any other paused guest is resumed, so that it "
        "can power off. A VM whose runtime folder is lost is stopped in the same way. "
        "Stopping a VM that is not running is not an error. Several VMs are stopped "
        "at the same time.",
    .options = {OPTION_TIMEOUT_ROW, OPTION_FORCE_STOP_ROW},
    .examples = {{"maqet stop myvm", "Ask the guest to power off"},
                 {"maqet stop myvm --timeout 120 --force", "Kill QEMU after two minutes"},
                 {"maqet stop myvm --timeout 0 --force", "Kill QEMU at once"}},
    .view = &view,
    .run = run,
};
