/* SPDX-License-Identifier: MIT */
/*
 * completion.h - what may come next on a command line, in general, for tests and the build.
 * The shell completion asks for candidates (at_cursor.h).
 */
#ifndef MAQET_CLI_COMPLETION_H
#define MAQET_CLI_COMPLETION_H

#include "cli/invocation.h"

/* Prints "NAME<tab>SUMMARY" for each command. */
void completion_list_commands(const struct command *const *commands);

/* Prints what may come next on a command line, one per line: an operand as "VM", "FILE" or
 * the like, followed by the operands before it, separated by tabs; literal words as
 * "one|other"; options as "--name" and "-l". If the last word is an option without its
 * value, only that value: "DIR", "one|other". */
void completion_print(const struct invocation *invocation);

#endif
