/* SPDX-License-Identifier: MIT */
/*
 * manual.h - manual pages, in man(7) macros: the sections of maqet(1) that list options,
 * commands and exit codes (--dump-man), those of maqet-plugin-check(1) that come from the
 * checks (--dump-man-checks), and the pages of plugins, maqet-storage-NAME(5) and
 * maqet-iface-NAME(5).
 */
#ifndef MAQET_CLI_MANUAL_H
#define MAQET_CLI_MANUAL_H

#include "cli/command.h"
#include "core/plugin/describe.h"

/* Prints the sections from OPTIONS to EXIT STATUS. */
void manual_print(const struct command *const *commands);

/* Prints the sections from OPTIONS to EXAMPLES. */
void manual_print_checks(const struct command *const *commands);

/* The page of a plugin, whose texts are one line each. @prose is man(7) text to put before
 * the options, or NULL. The caller frees. */
char *manual_of_plugin(const struct maqet_plugin_info *plugin, const char *prose);

#endif
