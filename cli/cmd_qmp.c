/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "core/machine/monitor.h"

static const struct view view = {
    .remark = "What QEMU answers, unchanged: see QEMU's QMP reference."};

static int
read_arguments(const struct invocation *invocation, json_object **arguments,
               struct maqet_error **err)
{
    const char *words =
        invocation->operands.count > 2 ? invocation->operands.items[2] : NULL;
    enum json_tokener_error fault = json_tokener_success;

    *arguments = words ? json_tokener_parse_verbose(words, &fault) : NULL;
    if (!words || json_object_is_type(*arguments, json_type_object))
        return 0;
    json_object_put(*arguments);
    if (fault != json_tokener_success)
        return usage_error(invocation, err,
                           "The arguments are not JSON "
                           "(%s): %s",
                           json_tokener_error_desc(fault), words);
    return usage_error(invocation, err,
                       "The arguments are not a JSON object, {\"name\": value}: %s",
                       words);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    json_object *arguments;

    if (read_arguments(invocation, &arguments, err) < 0)
        return -1;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, operands[0], MAQET_OPEN_RUNNING, err);
    if (!machine)
        json_object_put(arguments);
    json_object *answer =
        machine ? maqet_monitor_ask(machine, operands[1], arguments, err) : NULL;
    if (!answer)
        return -1;
    output_json(&invocation->output, answer);
    return 0;
}

const struct command command_qmp = {
    .name = "qmp",
    .operands = {OPERAND_VM, OPERAND_QMP_COMMAND,
                 OPERAND_QMP_ARGUMENTS | OPERAND_OPTIONAL},
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
