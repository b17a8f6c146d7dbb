/* SPDX-License-Identifier: MIT */
/*
 * fork.h - machines that go on from a checkpoint of another one, each for itself: they map the
 * memory of the checkpoint, and their drives are overlays on its frozen nodes, or copies of its
 * snapshots where drives have no overlays.
 */
#ifndef MAQET_FORK_FORK_H
#define MAQET_FORK_FORK_H

#include "core/fork/forked.h"

struct maqet_fork_request {
    const char *vm;         /* name or UUID */
    const char *checkpoint; /* NULL: one is created, of the machine as it runs */
    const struct maqet_strings *names;
    unsigned count; /* 0: one of each name; else NAME-1 and so on */
    const struct maqet_strings
        *ports;      /* "2222:22": the host's port for one of the guest */
    bool discard;    /* they are removed when they have ended */
    int64_t timeout; /* ms for all answers of a QEMU */
    /* For /bin/sh in the guest of each, by its agent; NULL: none. MAQET_VM is the fork's name
     * there. */
    const char *command;
};

/* Makes them, several at a time. Each runs, or is not there; *forks gets those that run, in
 * their order, also if others fail. The clocks of their guests are set, if they have an agent. A
 * command that fails is an error, MAQET_ERROR_FAILED, but the fork stays. */
int maqet_vm_fork(const struct maqet_context *context,
                  const struct maqet_fork_request *request, struct maqet_forks *forks,
                  struct maqet_error **err);

#endif
