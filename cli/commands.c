/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <string.h>

/* The one list of commands, in the order in which the help shows them. The command NAME
 * is the struct command_NAME of the file cmd_NAME.c. */
#define COMMANDS(each)                                                                   \
    each(add) each(apply) each(validate) each(args) each(start) each(stop) each(restart) \
        each(pause) each(resume) each(ls) each(status) each(snapshot) each(checkpoint)   \
            each(recover) each(check) each(run) each(resize) each(storage) each(plugin)  \
                each(qmp) each(rm) each(help)

#define DECLARE(name) extern const struct command command_##name;
#define ADDRESS(name) &command_##name,

COMMANDS(DECLARE)

const struct command *const commands[] = {COMMANDS(ADDRESS) NULL};

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

int
usage_error(const struct command *command, struct maqet_error **err, const char *format,
            ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, MAQET_ERROR_INVALID, format, arguments);
    va_end(arguments);
    if (command)
        maqet_error_hint(err, "Try 'maqet %s --help'", command->name);
    else
        maqet_error_hint(err, "Try 'maqet --help'");
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
