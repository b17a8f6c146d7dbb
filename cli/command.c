/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

#include "cli/output.h"

const struct command_option global_options[] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "table",
     .choice = format_name,
     .help = "the format of results: table (for people), json, yaml, or plain (values "
             "separated by tabs)"},
    {.name = "verbose", .letter = 'v', .help = "print more messages; may be repeated"},
    {.name = "quiet", .letter = 'q', .help = "print only results and errors"},
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where definitions of VMs are stored"},
    {.name = "runtime-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where sockets, locks and logs of running VMs are stored"},
    {.name = "lock-timeout",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .fallback = "30",
     .help = "how long to wait for another maqet process that is working on the same "
             "VM"},
    {.name = "help", .letter = 'h', .help = "show this help"},
    {.name = "version", .help = "show the version"},

    /* For the build, the tests and the shell completion. */
    {.name = "candidates", .type = OPTION_TEXT, .argument = "WORD"},
    {.name = "dump-man"},
    {.name = "dump-man-command", .type = OPTION_TEXT, .argument = "COMMAND"},
    {.name = "dump-man-checks"},
    {.name = "dump-man-related", .type = OPTION_TEXT, .argument = "PAGE"},
    {.name = "dump-json-reference"},
    {.name = "list-commands"},
    {.name = "complete"},
    {0},
};

const struct command *
command_action(const struct command *command, const char *name)
{
    const struct command *action = command->actions;

    while (action && action->name && strcmp(action->name, name) != 0)
        action++;
    return action && action->name ? action : NULL;
}

const struct command *
command_named_action(const struct command *group, const struct maqet_strings *operands,
                     size_t *index)
{
    const struct command *action = NULL;
    size_t own = 0;

    while (group->operands[own])
        own++;
    *index = own;
    if (group->actions && own < operands->count)
        action = command_action(group, operands->items[own]);
    if (action || !group->actions || operands->count == 0)
        return action;
    *index = 0;
    action = command_action(group, operands->items[0]);
    if (action || !group->implied || own >= operands->count ||
        !strchr(operands->items[own], '/'))
        return action;
    *index = operands->count;
    return command_action(group, group->implied);
}

/* A row of a table; NULL if the table is shorter, with its length subtracted from the
 * index. */
static const struct command_option *
row_at(const struct command_option *rows, size_t *index)
{
    for (; rows->name; rows++, --*index)
        if (*index == 0)
            return rows;
    return NULL;
}

const struct command_option *
command_row(const struct command *command, size_t index)
{
    const struct command *action = command ? command->actions : NULL;
    const struct command_option *row = command ? row_at(command->options, &index) : NULL;

    for (; !row && action && action->name; action++)
        row = row_at(action->options, &index);
    return row ? row : row_at(global_options, &index);
}

const struct command_option *
command_option(const struct command *command, const char *name)
{
    const struct command_option *row;

    for (size_t i = 0; (row = command_row(command, i)); i++)
        if (strcmp(row->name, name) == 0)
            break;
    return row;
}
