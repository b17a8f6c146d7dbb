/* SPDX-License-Identifier: MIT */
/*
 * actions.h - commands that are several, told apart by a word: `maqet plugin list`,
 * `maqet checkpoint VM create NAME`.
 */
#ifndef MAQET_CLI_ACTIONS_H
#define MAQET_CLI_ACTIONS_H

#include "cli/invocation.h"

/* One of them; a name of NULL ends the table. */
struct action_row {
    const char *name;
    const char *operand; /* what one more operand is, "NAME"; NULL: it takes none */
    /* Returns the exit code, or -1 with an error. @vm and @name are NULL where there are
     * none. */
    int (*run)(struct invocation *invocation, const char *vm, const char *name,
               struct maqet_error **err);
};

/* Runs the action that the operands name, after the VM's name where the command is about
 * one (@of_vm). */
int actions_run(struct invocation *invocation, const struct action_row *actions,
                bool of_vm, struct maqet_error **err);

#endif
