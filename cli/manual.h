/* SPDX-License-Identifier: MIT */
/*
 * manual.h - what the program and its plugins know of themselves, in man(7) macros: the
 * sections of maqet(1) that would otherwise say everything again (--dump-man), and the
 * pages of plugins, maqet-storage-NAME(5) and maqet-iface-NAME(5).
 */
#ifndef MAQET_CLI_MANUAL_H
#define MAQET_CLI_MANUAL_H

#include "cli/command.h"
#include "core/plugin/describe.h"

/* Prints the sections OPTIONS, COMMANDS and EXIT STATUS. */
void manual_print(const struct command *const *commands);

/* The page for a plugin, whose texts are one line each. @prose is man(7) text to stand
 * before the options, or NULL. The caller frees. */
char *manual_of_plugin(const struct maqet_plugin_info *plugin, const char *prose);

#endif
