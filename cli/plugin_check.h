/* SPDX-License-Identifier: MIT */
/*
 * plugin_check.h - `maqet plugin check`: a line for each check as soon as it has ended, and
 * the list of all checks.
 */
#ifndef MAQET_CLI_PLUGIN_CHECK_H
#define MAQET_CLI_PLUGIN_CHECK_H

#include "cli/command.h"

extern const struct view plugin_check_view;

/* Runs the checks, or lists them. Returns the exit code, or -1 with an error. */
int plugin_check_run(struct invocation *invocation, struct maqet_error **err);

#endif
