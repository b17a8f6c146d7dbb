/* SPDX-License-Identifier: MIT */
/*
 * context.h - where things are kept, by the first that says so: the command line, the
 * environment, the user's settings, the system's settings, the default.
 */
#ifndef MAQET_CLI_CONTEXT_H
#define MAQET_CLI_CONTEXT_H

#include "cli/invocation.h"

/* Fills the invocation's context, and its output's loudness where the settings say it. */
int context_fill(struct invocation *invocation, struct maqet_error **err);

#endif
