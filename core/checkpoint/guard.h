/* SPDX-License-Identifier: MIT */
/*
 * guard.h - the guest runs on, whatever becomes of us while it stands still: a child
 * watches us, and when we die it gives up what QEMU was doing for us, and lets the guest
 * run. Nor can we be suspended meanwhile (Ctrl-Z).
 */
#ifndef MAQET_CHECKPOINT_GUARD_H
#define MAQET_CHECKPOINT_GUARD_H

#include <signal.h>

#include "core/base/child.h"
#include "core/qemu/migration_writer.h"

struct maqet_guard {
    struct maqet_child child;
    sigset_t before; /* the signals that were blocked */
};

/* @dir_fd is the folder of the running machine @vm, @gone QEMU's pidfd, @writer that to
 * which QEMU writes: it is stood in for if it is killed. */
int maqet_guard_begin(struct maqet_guard *guard, int dir_fd, const char *vm, int gone,
                      const struct maqet_writer *writer, struct maqet_error **err);

/* @runs: the guest runs again. Else the guard goes on trying, without us, for which the
 * monitor must be free. */
void maqet_guard_end(struct maqet_guard *guard, bool runs);

#endif
