/* SPDX-License-Identifier: MIT */
/*
 * quiesce.h - the guest's file systems stand still while a snapshot is made, by the guest
 * agent. The thaw is a promise: a child of its own holds the connection, and thaws when
 * it is told to, when its parent dies, and when it was not told for too long.
 */
#ifndef MAQET_SNAPSHOT_QUIESCE_H
#define MAQET_SNAPSHOT_QUIESCE_H

#include "core/base/error.h"

struct maqet_quiesce;

/*
 * Freezes. @dir_fd is the folder of the running machine @vm, @gone QEMU's pidfd. A freeze
 * that takes longer than @freeze_timeout ms is an error (MAQET_ERROR_TIMEOUT) and is
 * undone in the background; one that lasts longer than @hold_timeout ms is ended.
 * MAQET_ERROR_UNSUPPORTED: the machine has no agent, or the agent can't freeze.
 */
struct maqet_quiesce *maqet_quiesce_begin(int dir_fd, const char *vm, int gone,
                                          int64_t freeze_timeout, int64_t hold_timeout,
                                          struct maqet_error **err);

/* Thaws, and frees. *held: all stood still until now. */
int maqet_quiesce_end(struct maqet_quiesce *quiesce, bool *held,
                      struct maqet_error **err);

#endif
