/* SPDX-License-Identifier: MIT */
/*
 * context.h - the settings of a run, from the first of these that has them: the command
 * line, the environment, the user's settings, the system's settings, the default.
 */
#ifndef MAQET_CLI_CONTEXT_H
#define MAQET_CLI_CONTEXT_H

#include "cli/invocation.h"

/* Fills the invocation's context, and sets the loudness of its output. */
int context_fill(struct invocation *invocation, struct maqet_error **err);

/* "VM 'a', drive 'hdd': 42 %, 3 s left"; NULL if it is too early to show it, or not wanted.
 * The caller frees. */
char *context_progress_text(const struct invocation *invocation, const char *what,
                            double percent, int64_t elapsed);

/* The absolute form of a path that was typed or exported. The caller frees. */
char *context_path(const char *path);

#endif
