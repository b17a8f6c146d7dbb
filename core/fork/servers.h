/* SPDX-License-Identifier: MIT */
/*
 * servers.h - the servers of what a fork's guest sees of the source's drives (shown.h), for as long
 * as its QEMU runs: a supervisor (core/machine/helpers.h) of our own starts them, and ends them after
 * QEMU. They are in the record of helpers, by which other commands find them.
 */
#ifndef MAQET_FORK_SERVERS_H
#define MAQET_FORK_SERVERS_H

#include "core/base/child.h"
#include "core/fork/shown.h"

struct maqet_fork_servers {
    struct maqet_child supervisor;
    struct maqet_fork_shown shown; /* how QEMU opens what they serve; it has no servers */
};

#define MAQET_FORK_SERVERS_INIT                                                          \
    {                                                                                    \
        .supervisor = MAQET_CHILD_INIT                                                   \
    }

/* Starts what the drives of an opened, locked fork need, and returns when all can be read. Nothing,
 * if no drive of the plan is shown. */
int maqet_fork_servers_begin(struct maqet_fork_servers *servers,
                             const struct maqet_forking *forking,
                             const struct maqet_opened *machine,
                             struct maqet_error **err);

/* They end with the fork's QEMU, which runs, from now on. */
int maqet_fork_servers_leave(struct maqet_fork_servers *servers,
                             const struct maqet_opened *machine,
                             struct maqet_error **err);

/* Without maqet_fork_servers_leave() they end now. */
void maqet_fork_servers_clear(struct maqet_fork_servers *servers);
#define _cleanup_fork_servers_ _cleanup_(maqet_fork_servers_clear)

#endif
