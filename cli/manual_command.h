/* SPDX-License-Identifier: MIT */
/*
 * manual_command.h - the manual page of a command, maqet-NAME(1), from its struct
 * (--dump-man-command).
 */
#ifndef MAQET_CLI_MANUAL_COMMAND_H
#define MAQET_CLI_MANUAL_COMMAND_H

#include "cli/command.h"

/* Prints it. -1: there is no such command. */
int manual_print_command(const struct command *const *commands, const char *name);

#endif
