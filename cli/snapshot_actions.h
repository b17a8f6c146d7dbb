/* SPDX-License-Identifier: MIT */
/*
 * snapshot_actions.h - what `maqet snapshot` does and shows, one function for each
 * action. They return the exit code, or -1 with an error.
 */
#ifndef MAQET_CLI_SNAPSHOT_ACTIONS_H
#define MAQET_CLI_SNAPSHOT_ACTIONS_H

#include "cli/invocation.h"

extern const struct view snapshot_create_view;
extern const struct view snapshot_load_view;
extern const struct view snapshot_delete_view;
extern const struct view snapshot_export_view;

int snapshot_create(struct invocation *invocation, struct maqet_error **err);
int snapshot_list(struct invocation *invocation, struct maqet_error **err);
int snapshot_tree(struct invocation *invocation, struct maqet_error **err);
int snapshot_load(struct invocation *invocation, struct maqet_error **err);
int snapshot_delete(struct invocation *invocation, struct maqet_error **err);
int snapshot_export(struct invocation *invocation, struct maqet_error **err);

/* The choices of an export's --format: the formats of results and those of images. */
const char *snapshot_format_name(unsigned index);

#endif
