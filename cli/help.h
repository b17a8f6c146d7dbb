/* SPDX-License-Identifier: MIT */
/*
 * help.h - --help, from the structs of the commands, and --version.
 */
#ifndef MAQET_CLI_HELP_H
#define MAQET_CLI_HELP_H

#include "cli/command.h"

/* Prints the help on a command, or on an action of a command (@group); on the program if
 * both are NULL. */
void help_print(const struct command *const *commands, const struct command *group,
                const struct command *command);

void help_print_version(void);

/* "maqet start [OPTION]... VM..."; the caller frees. */
char *help_synopsis(const struct command *group, const struct command *command);

#endif
