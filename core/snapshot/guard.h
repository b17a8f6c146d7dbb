/* SPDX-License-Identifier: MIT */
/*
 * guard.h - the guest runs on, whatever becomes of us while it stands still: a child
 * watches us, and when we die it gives up what QEMU was doing for us, and lets the guest
 * run.
 */
#ifndef MAQET_SNAPSHOT_GUARD_H
#define MAQET_SNAPSHOT_GUARD_H

#include "core/base/error.h"

struct maqet_guard;

/* @dir_fd is the folder of the running machine @vm, @gone QEMU's pidfd. NULL on error. */
struct maqet_guard *maqet_guard_begin(int dir_fd, const char *vm, int gone,
                                      struct maqet_error **err);

/* The guest runs again, or that is taken care of. */
void maqet_guard_end(struct maqet_guard *guard);

#endif
