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

/* Options of several actions. */
#define OPTION_LIVE_ROW                                                                  \
    OPTION_ROW("live", .help = "on a running VM; without this option, the VM must be "   \
                               "stopped")
#define OPTION_AUTO_ROW                                                                  \
    OPTION_ROW("auto", .help = "live or offline, depending on the VM's state")
#define OPTION_ALL_ROW                                                                   \
    OPTION_ROW("all", 'a', .help = "all drives together, instead of DRIVE")
#define OPTION_EXCLUDE_ROW                                                               \
    OPTION_ROW("exclude", .type = OPTION_TEXT, .argument = "NAME",                       \
               .value = OPERAND_DRIVE,                                                   \
               .help = "with --all, leave out this drive, or other device that the "     \
                       "guest can write to; may be repeated")

/* The table of snapshots. */
extern const struct view snapshots_view;

/* The actions; they return the exit code, or -1 with an error. */
int snapshot_list(struct invocation *invocation, struct maqet_error **err);
int snapshot_tree(struct invocation *invocation, struct maqet_error **err);

#endif
