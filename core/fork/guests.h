/* SPDX-License-Identifier: MIT */
/*
 * guests.h - what is done in the guests of forks by their agents: the clock is set, and a command is
 * run. In a process for each, at the same time, as it takes as long as the guest likes; the source
 * may be unlocked meanwhile.
 */
#ifndef MAQET_FORK_GUESTS_H
#define MAQET_FORK_GUESTS_H

#include "core/fork/forked.h"
#include "core/fork/processes.h"

struct maqet_fork_guest;

struct maqet_fork_guests {
    const struct maqet_context *context;
    const char *command; /* for /bin/sh; NULL: none */
    struct maqet_error *
        *errors; /* [i] gets why the command was not run, or not to its end */
    struct maqet_fork_guest *items;
    struct maqet_fork_process *processes;
    size_t count;
};

/* For at most @most guests. @guests is zero but for the members up to errors, which are the
 * caller's. Without this, nothing is begun. */
void maqet_fork_guests_prepare(struct maqet_fork_guests *guests, size_t most);

/* Begins with a fork that runs. *forked gets what the command has printed, and how it has
 * ended. */
void maqet_fork_guests_begin(struct maqet_fork_guests *guests, size_t index,
                             struct maqet_forked *forked);

/* Waits for all that was begun, and frees what was prepared. */
void maqet_fork_guests_wait(struct maqet_fork_guests *guests);

#endif
