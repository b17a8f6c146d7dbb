/* SPDX-License-Identifier: MIT */
/*
 * watch.h - waits for what a run is for, and notices when its guest cannot go on.
 */
#ifndef MAQET_FORK_WATCH_H
#define MAQET_FORK_WATCH_H

#include "core/machine/opened.h"

struct maqet_fork_watch {
    const struct maqet_opened *machine; /* the fork, which runs */
    int pidfd;                          /* whose end is waited for */
    int64_t timeout;                    /* ms; negative: no limit */
    /* There is no command that looks after the guest: a panic, and any drive that fails, is an
     * end, too, and not only want of space. */
    bool alone;
};

/* Waits until the process has ended. False: it has not; *number gets the signal that we have got
 * (0: none), or *late is true, or *stuck gets why the guest cannot go on. */
bool maqet_fork_watch(const struct maqet_fork_watch *watch, int *number, bool *late,
                      struct maqet_error **stuck);

#endif
