/* SPDX-License-Identifier: MIT */
/*
 * quiesce.h - freezes the guest's file systems by the guest agent while a snapshot is
 * created. A child holds the connection, so that they are thawed whatever happens: on
 * request, if maqet dies, and after a time limit.
 */
#ifndef MAQET_SNAPSHOT_QUIESCE_H
#define MAQET_SNAPSHOT_QUIESCE_H

#include "core/base/error.h"

struct maqet_quiesce;

/*
 * Freezes. @dir_fd is the folder of the running machine @vm, @gone QEMU's pidfd. A freeze
 * that takes longer than @freeze_timeout ms is an error (MAQET_ERROR_TIMEOUT) and is
 * undone in the background; one that lasts longer than @hold_timeout ms is ended.
 * MAQET_ERROR_UNSUPPORTED: the machine has no agent, or the agent cannot freeze.
 */
struct maqet_quiesce *maqet_quiesce_begin(int dir_fd, const char *vm, int gone,
                                          int64_t freeze_timeout, int64_t hold_timeout,
                                          struct maqet_error **err);

/* Thaws, and frees. *held: all file systems stayed frozen until now. */
int maqet_quiesce_end(struct maqet_quiesce *quiesce, bool *held,
                      struct maqet_error **err);

#endif
