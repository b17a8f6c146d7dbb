/* SPDX-License-Identifier: MIT */
/*
 * at_cursor.h - what fits the position of the word at the cursor, for the shell completion.
 */
#ifndef MAQET_CLI_AT_CURSOR_H
#define MAQET_CLI_AT_CURSOR_H

#include "cli/invocation.h"

/* Prints what the value of --candidates, after the words of the command line, may become
 * (cli/candidates.h). Errors are not shown. Returns the exit code. */
int at_cursor_print(struct invocation *invocation);

#endif
