/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

const struct command *
command_find(const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (const struct command *const *command = commands; *command; command++) {
        if (strcmp((*command)->name, name) == 0)
            return *command;
        maqet_strings_add(&names, (*command)->name);
    }

    const char *closest = maqet_text_closest(name, &names);
    if (closest)
        usage_error(NULL, err, "Unknown command '%s'; did you mean '%s'?", name, closest);
    else
        usage_error(NULL, err, "Unknown command '%s'", name);
    return NULL;
}

const struct command *
command_action(const struct command *command, const char *name)
{
    const struct command *action = command->actions;

    while (action && action->name && strcmp(action->name, name) != 0)
        action++;
    return action && action->name ? action : NULL;
}

const struct command *
command_group(const struct command *command)
{
    for (const struct command *const *group = commands; *group; group++)
        if (command_action(*group, command->name) == command)
            return *group;
    return NULL;
}

char *
command_title(const struct command *command)
{
    const struct command *group = command_group(command);

    return group ? maqet_format("%s %s", group->name, command->name)
                 : maqet_strdup(command->name);
}

static const struct command_option *
row_named(const struct command_option *row, const char *name)
{
    while (row->name && strcmp(row->name, name) != 0)
        row++;
    return row->name ? row : NULL;
}

const struct command_option *
command_option(const struct command *command, const char *name)
{
    const struct command *action = command ? command->actions : NULL;
    const struct command_option *row = command ? row_named(command->options, name) : NULL;

    for (; !row && action && action->name; action++)
        row = row_named(action->options, name);
    return row ? row : row_named(global_options, name);
}

int
usage_error(const struct command *command, struct maqet_error **err, const char *format,
            ...)
{
    _cleanup_free_ char *title = command ? command_title(command) : NULL;
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, MAQET_ERROR_INVALID, format, arguments);
    va_end(arguments);
    maqet_error_hint(err, "Try 'maqet %s%s--help'", title ? title : "", title ? " " : "");
    return -1;
}

int
usage_error_unknown(const struct command *command, const char *what, const char *word,
                    const struct maqet_strings *known, struct maqet_error **err)
{
    const char *closest = maqet_text_closest(word, known);
    _cleanup_free_ char *list = maqet_strings_join(known, ", ");

    if (closest)
        return usage_error(command, err, "Unknown %s '%s'; did you mean '%s'?", what,
                           word, closest);
    return usage_error(command, err, "Unknown %s '%s'; there are: %s", what, word, list);
}
