/* SPDX-License-Identifier: MIT */
#include "cli/actions.h"

#include <string.h>

int
actions_run(struct invocation *invocation, const struct action_row *actions, bool of_vm,
            struct maqet_error **err)
{
    const struct command *command = invocation->command;
    char *const *operands = invocation->operands.items + of_vm;
    size_t count = invocation->operands.count - of_vm;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (const struct action_row *action = actions; action->name; action++) {
        maqet_strings_add(&names, action->name);
        if (strcmp(action->name, operands[0]) != 0)
            continue;
        if (count != 1 + (size_t)(action->operand != NULL))
            return usage_error(command, err, "Usage: maqet %s %s%s%s%s", command->name,
                               of_vm ? "VM " : "", action->name,
                               action->operand ? " " : "",
                               action->operand ? action->operand : "");
        return action->run(invocation, of_vm ? invocation->operands.items[0] : NULL,
                           action->operand ? operands[1] : NULL, err);
    }
    return usage_error_unknown(command, "action", operands[0], &names, err);
}
