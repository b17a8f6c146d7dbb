/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - the request of `maqet snapshot`, and its actions list and tree: snapshots as
 * rows of a result, as lines, and as a tree.
 */
#ifndef MAQET_CLI_SNAPSHOTS_H
#define MAQET_CLI_SNAPSHOTS_H

#include "cli/invocation.h"
#include "core/snapshot/snapshot.h"

/* Reads the operands and options of any action; @exclude gets what the request refers to.
 * Returns 0, or -1 with an error if they exclude each other. */
int snapshot_read_request(const struct invocation *invocation,
                          struct maqet_snapshot_request *request,
                          struct maqet_strings *exclude, struct maqet_error **err);

/* The table of snapshots. */
extern const struct view snapshots_view;

/* The actions; they return the exit code, or -1 with an error. */
int snapshot_list(struct invocation *invocation, struct maqet_error **err);
int snapshot_tree(struct invocation *invocation, struct maqet_error **err);

#endif
