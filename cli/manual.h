/* SPDX-License-Identifier: MIT */
/*
 * manual.h - what the program knows of itself, for others: the man page's sections that
 * would otherwise say everything again (--dump-man), and the words for the shell
 * completion
 * (--list-commands, --list-options).
 */
#ifndef MAQET_CLI_MANUAL_H
#define MAQET_CLI_MANUAL_H

#include "cli/command.h"

/* Prints the sections OPTIONS, COMMANDS and EXIT STATUS in man(7) macros. */
void manual_print(void);

/* Prints "NAME<tab>SUMMARY" for each command. */
void manual_list_commands(void);

/*
 * Prints what may follow a command, one a line: "VM", "FILE", "COMMAND" for its operands,
 * "--name", "--name=ARGUMENT", "--name=one|other" for its options, and "-l" for letters.
 * Returns 0, or -1 when there is no such command.
 */
int manual_list_options(const char *command, struct maqet_error **err);

#endif
