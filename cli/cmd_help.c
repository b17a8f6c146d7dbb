/* SPDX-License-Identifier: MIT */
#include "cli/help.h"
#include "cli/invocation.h"

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct command *command = NULL;

    if (invocation->operands.count > 0) {
        command = command_find(invocation->operands.items[0], err);
        if (!command)
            return -1;
    }
    help_print(command);
    return 0;
}

static const struct command_example examples[] = {
    {"maqet help start", "What 'maqet start' does, and its options"},
    {0},
};

const struct command command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .max_operands = 1,
    .summary = "Show help, on a command when one is named",
    .description = "The same as --help.",
    .examples = examples,
    .no_machines = true,
    .run = run,
};
