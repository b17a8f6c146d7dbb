/* SPDX-License-Identifier: MIT */
/*
 * guard.h - resumes a paused guest if maqet dies: a child waits for that, cancels what QEMU
 * was doing, and resumes the guest. Nor can maqet be suspended meanwhile (Ctrl-Z).
 */
#ifndef MAQET_CHECKPOINT_GUARD_H
#define MAQET_CHECKPOINT_GUARD_H

#include <signal.h>

#include "core/base/child.h"
#include "core/qemu/migration_writer.h"

struct maqet_guard {
    struct maqet_child child;
    sigset_t before; /* the signal mask to restore */
};

/* @dir_fd is the folder of the running machine @vm, @gone QEMU's pidfd. If @writer is
 * killed, the guard takes its place. */
int maqet_guard_begin(struct maqet_guard *guard, int dir_fd, const char *vm, int gone,
                      const struct maqet_writer *writer, struct maqet_error **err);

/* @runs: the guest is running again. Else the guard goes on trying, for which the monitor
 * must be free. */
void maqet_guard_end(struct maqet_guard *guard, bool runs);

#endif
