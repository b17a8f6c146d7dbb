/* SPDX-License-Identifier: MIT */
/*
 * command.h - a command that is run on the host beside a fork, with the fork in its environment.
 */
#ifndef MAQET_FORK_COMMAND_H
#define MAQET_FORK_COMMAND_H

#include "core/fork/run.h"
#include "core/machine/opened.h"

struct maqet_fork_command {
    const struct maqet_run_request *request; /* with a command */
    struct maqet_opened *machine;            /* the fork, which runs */
    /* The descriptors that it gets from our caller; its others are closed. */
    const int *inherited;
    size_t inherited_count;
};

/* Runs it, and ends it and all that it has started if it takes too long, or we are to end.
 * *exit_code as of maqet_vm_run_forked(). */
int maqet_fork_command_run(const struct maqet_fork_command *command, int *exit_code,
                           struct maqet_error **err);

/* The error for what was ended after @timeout ms. Returns -1. */
int maqet_fork_error_late(const char *what, int64_t timeout, int *exit_code,
                          struct maqet_error **err);

#endif
