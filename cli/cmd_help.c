/* SPDX-License-Identifier: MIT */
#include "cli/help.h"
#include "cli/invocation.h"

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const char *name = operand_find(invocation, OPERAND_COMMAND);
    const char *word = operand_find(invocation, OPERAND_ACTION);
    const char *meant = NULL;
    const struct command *command =
        name ? invocation_find_command(invocation, name, &meant, err) : NULL;

    if (name && !command)
        return -1;
    if (!word)
        word = meant;
    const struct command *action = word ? command_action(command, word) : NULL;
    if (word && !action)
        return usage_error(invocation, err, "'maqet %s' has no action '%s'", name, word);
    help_print(invocation->commands, command, action ? action : command);
    return 0;
}

const struct command command_help = {
    .name = "help",
    .related = "man(1)",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_COMMAND | OPERAND_OPTIONAL, OPERAND_ACTION | OPERAND_OPTIONAL},
    .summary = "Show help on maqet, a command, or an action",
    .description = "The same as --help.",
    .examples = {{"maqet help start", "What 'maqet start' does, and its options"},
                 {"maqet help snapshot create", "The same for one action"}},
    .no_machines = true,
    .run = run,
};
