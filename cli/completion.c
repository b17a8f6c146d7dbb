/* SPDX-License-Identifier: MIT */
#include "cli/completion.h"

void
completion_list_commands(const struct command *const *commands)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    for (; *commands; commands++)
        maqet_text_appendf(&text, "%s\t%s\n", (*commands)->name, (*commands)->summary);
    output_text(text.data);
}

static void
append_value(struct maqet_text *text, const struct command_option *option)
{
    if (!option->choice)
        maqet_text_append(text, option->argument);
    for (unsigned i = 0; option->choice && option->choice(i); i++)
        maqet_text_appendf(text, "%s%s", i > 0 ? "|" : "", option->choice(i));
    maqet_text_append(text, "\n");
}

static void
append_options(struct maqet_text *text, const struct command_option *option)
{
    for (; option && option->name; option++) {
        if (!option->help)
            continue;
        if (option->letter)
            maqet_text_appendf(text, "-%c\n", option->letter);
        maqet_text_appendf(text, "--%s\n", option->name);
    }
}

static void
append_actions(struct maqet_text *text, const struct command *action)
{
    for (; action->name; action++)
        maqet_text_appendf(text, "%s%s", action->name, action[1].name ? "|" : "\n");
}

/* An operand, and those before it, which the completion needs to look it up. */
static void
append_operand(struct maqet_text *text, const struct invocation *invocation,
               enum operand_kind kind)
{
    maqet_text_append(text, operand_completion(kind));
    for (size_t i = 0; i < invocation->operands.count; i++)
        maqet_text_appendf(text, "\t%s", invocation->operands.items[i]);
    maqet_text_append(text, "\n");
}

void
completion_print(const struct invocation *invocation)
{
    const struct command *command = invocation->command;
    enum operand_kind kind = command
                                 ? operand_kind_at(invocation, invocation->operands.count)
                                 : OPERAND_COMMAND;
    const char *meant;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    if (invocation->awaiting) {
        const struct command_option *row =
            command_option(command, invocation->awaiting->name);
        if (row)
            append_value(&text, row);
    } else {
        const struct command *group =
            kind == OPERAND_ACTION
                ? invocation_find_command(
                      invocation, operand_find(invocation, OPERAND_COMMAND), &meant, NULL)
                : command;
        if (kind != OPERAND_NONE && kind != OPERAND_ACTION)
            append_operand(&text, invocation, kind);
        else if (group && group->actions)
            append_actions(&text, group->actions);
        if (command && !command->actions)
            append_options(&text, command->options);
        append_options(&text, global_options);
    }
    output_text(text.data);
}
