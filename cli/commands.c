/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

/* The build writes commands.inc, which has a line COMMAND(NAME) for each struct command_NAME
 * in the files that cli/local.mk lists. */
#define COMMAND(name) extern const struct command command_##name;
#include "commands.inc"
#undef COMMAND

#define COMMAND(name) &command_##name,
const struct command *const all_commands[] = {
#include "commands.inc"
    NULL};
