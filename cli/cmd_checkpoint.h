/* SPDX-License-Identifier: MIT */
/*
 * cmd_checkpoint.h - what other commands do with checkpoints. They return 0, or -1 with
 * an error.
 */
#ifndef MAQET_CLI_CMD_CHECKPOINT_H
#define MAQET_CLI_CMD_CHECKPOINT_H

#include "cli/context.h"
#include "core/checkpoint/checkpoint.h"

/* ms for which precopy may run, unless --limit is given. */
enum { CHECKPOINT_LIMIT = 30000 };

extern const struct view checkpoint_create_view;
extern const struct view checkpoint_load_view;

/* Creates the one that the operands name. */
int checkpoint_create(struct invocation *invocation, struct maqet_error **err);

/* Loads one of the VM that the operands name. Asks where there is somebody who could
 * answer. @keep may be NULL. */
int checkpoint_load(struct invocation *invocation, const char *name, const char *keep,
                    struct maqet_error **err);

#endif
