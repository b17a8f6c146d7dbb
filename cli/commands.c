/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

/* The one list of commands, in the order in which the help shows them. The command NAME
 * is the struct command_NAME of a file cmd_*.c. */
#define COMMANDS(each)                                                                   \
    each(add) each(apply) each(validate) each(args) each(start) each(stop) each(restart) \
        each(pause) each(resume) each(ls) each(status) each(snapshot) each(checkpoint)   \
            each(recover) each(check) each(run) each(resize) each(storage) each(plugin)  \
                each(qmp) each(rm) each(help)

#define DECLARE(name) extern const struct command command_##name;
#define ADDRESS(name) &command_##name,

COMMANDS(DECLARE)

const struct command *const all_commands[] = {COMMANDS(ADDRESS) NULL};
