/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/ready.h"
#include "core/guest/ready.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"));

static const struct view view = {.table = {.fields = &fields, .columns = "name"},
                                 .sentence = "VM '{name}' meets the conditions.\n",
                                 .confirmation = true,
                                 .each = "VM"};

static int
wait_for_machine(struct invocation *invocation, struct machine_result *machine,
                 struct maqet_error **err)
{
    return ready_wait(invocation, "for", machine->name, err);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    if (!invocation_has(invocation, "for"))
        return usage_error(invocation, err, "Say what to wait for: --for CONDITION");
    if (ready_check(invocation, "for", err) < 0)
        return -1;
    return machines_run(invocation, wait_for_machine);
}

const struct command command_wait = {
    .name = "wait",
    .related = "console exec",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Wait until guests are ready",
    .undoes = true,
    .only_running = true,
    .description =
        "Waits until each VM meets a condition. `ssh`: the guest's SSH server has "
        "answered with its version. `agent`: the guest agent answers. `console:TEXT`: "
        "the guest has written this text to its serial console since it was started. "
        "`port:NUMBER`: the guest accepts a connection to this TCP port. `stopped`: QEMU "
        "has ended.\nFor `ssh` and `port`, a port of this host must lead to that of the "
        "guest. QEMU itself accepts every connection, so it is asked whether the guest "
        "has, too. A guest that ends or panics while it is waited for is an error. With "
        "several --for, all conditions must be met, one after the other.",
    .options = {{"for", .type = OPTION_TEXT, .argument = "CONDITION",
                 .help = "what to wait for: " MAQET_READY_FORMS
                         "; required; may be repeated"},
                OPTION_READY_TIMEOUT_ROW,
                OPTION_ALL_VMS_ROW},
    .examples = {{"maqet wait myvm --for ssh", "Wait until one can log in"},
                 {"maqet wait web db --for port:80 --timeout 60", "Wait for two servers"},
                 {"maqet wait myvm --for 'console:login: '", "Wait for the prompt"}},
    .view = &view,
    .run = run,
};
