/* SPDX-License-Identifier: MIT */
/*
 * snapshot_tree.h - what came of what, as a tree that people read.
 */
#ifndef MAQET_CLI_SNAPSHOT_TREE_H
#define MAQET_CLI_SNAPSHOT_TREE_H

#include "cli/output.h"
#include "core/snapshot/snapshot.h"

/* Shows the history of each drive, with where the machine is now. */
void snapshot_tree_show(const struct output *output,
                        const struct maqet_snapshot_list *list);

#endif
