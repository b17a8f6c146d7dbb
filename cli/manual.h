/* SPDX-License-Identifier: MIT */
/*
 * manual.h - what the program knows of itself, for others: the man page's sections that
 * would otherwise say everything again (--dump-man).
 */
#ifndef MAQET_CLI_MANUAL_H
#define MAQET_CLI_MANUAL_H

#include "cli/command.h"

/* Prints the sections OPTIONS, COMMANDS and EXIT STATUS in man(7) macros. */
void manual_print(const struct command *const *commands);

#endif
