/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - lists of snapshots as rows of a result, and as what people read.
 */
#ifndef MAQET_CLI_SNAPSHOTS_H
#define MAQET_CLI_SNAPSHOTS_H

#include "cli/view.h"
#include "core/snapshot/snapshot.h"

/* The columns of the rows that the two functions below give. */
extern const struct column snapshot_columns[];

/* A row for each snapshot of each drive. */
json_object *snapshots_rows(const struct maqet_snapshot_list *list);

/* A row for each set of snapshots that were taken together, and for each other one. */
json_object *snapshots_set_rows(const struct maqet_snapshot_list *list);

/* What people read. @rows are the snapshots of one drive, or (drive is NULL) those of all
 * drives. The caller frees. */
char *snapshots_text(const char *vm, const char *drive, json_object *rows);

/* The history of each drive as a tree, with where the machine is now. The caller frees.
 */
char *snapshots_tree_text(const struct maqet_snapshot_list *list);

#endif
