/* SPDX-License-Identifier: MIT */
/*
 * cmd_checkpoint.h - what other commands do with checkpoints. The functions return 0, or -1
 * with an error.
 */
#ifndef MAQET_CLI_CMD_CHECKPOINT_H
#define MAQET_CLI_CMD_CHECKPOINT_H

#include "cli/invocation.h"

/* Creates the checkpoint that the operands name. */
int checkpoint_create(struct invocation *invocation, struct maqet_error **err);

/* Loads a checkpoint of the VM that the operands name, after asking (confirm_load()). @keep
 * may be NULL. */
int checkpoint_load(struct invocation *invocation, const char *name, const char *keep,
                    struct maqet_error **err);

/* Says what a load discards (taken), and asks whether to go on, unless --yes is given.
 * Without a terminal to ask on, that is an error. @live: the guest loses its memory. */
int confirm_load(const struct invocation *invocation, bool live, char *words,
                 struct maqet_error **err);

#endif
