/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "core/machine/monitor.h"

static const struct view view = {
    .remark = "What QEMU answers, unchanged: see QEMU's QMP reference."};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    const char *words = invocation->operands.count > 2 ? operands[2] : NULL;
    enum json_tokener_error fault = json_tokener_success;
    _cleanup_json_ json_object *arguments =
        words ? json_tokener_parse_verbose(words, &fault) : NULL;

    if (fault != json_tokener_success)
        return usage_error(invocation, err, "The arguments are not JSON (%s): %s",
                           json_tokener_error_desc(fault), words);
    if (words && !json_object_is_type(arguments, json_type_object))
        return usage_error(invocation, err,
                           "The arguments are not a JSON object, {\"name\": value}: %s",
                           words);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, operands[0], MAQET_OPEN_RUNNING, err);
    json_object *answer =
        machine ? maqet_monitor_ask(machine, operands[1], TAKE_PTR(arguments), err)
                : NULL;
    if (!answer)
        return -1;
    output_json(&invocation->output, answer);
    return 0;
}

const struct command command_qmp = {
    .name = "qmp",
    .related = "args events qemu-qmp-ref(7)",
    .endable = true,
    .operands = {OPERAND_VM, OPERAND_QMP_COMMAND,
                 OPERAND_QMP_ARGUMENTS | OPERAND_OPTIONAL},
    .only_running = true,
    .summary = "Send a command to QEMU's monitor",
    .description = "Sends one command of the QEMU Machine Protocol to a running VM, "
                   "and prints what QEMU returns as JSON; with --format plain on one "
                   "line. maqet does not check what the command does.",
    .examples = {{"maqet qmp myvm query-status", "Ask for the state"},
                 {"maqet qmp myvm device_del '{\"id\": \"usb0\"}'",
                  "A command with arguments"}},
    .view = &view,
    .run = run,
};
