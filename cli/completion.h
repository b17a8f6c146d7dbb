/* SPDX-License-Identifier: MIT */
/*
 * completion.h - what the shell completion asks the program (completions/maqet.bash).
 */
#ifndef MAQET_CLI_COMPLETION_H
#define MAQET_CLI_COMPLETION_H

#include "cli/invocation.h"

/* Prints "NAME<tab>SUMMARY" for each command. */
void completion_list_commands(const struct command *const *commands);

/*
 * Prints what may come next on a command line, one a line: "VM", "FILE", "COMMAND" and the
 * like for an operand, with the operands before it after tabs; "one|other" for words that
 * are to be typed as they are; "--name" and "-l" for options. Where the last word is an
 * option without its value, only what that may be: "DIR", "one|other".
 */
void completion_print(const struct invocation *invocation);

#endif
