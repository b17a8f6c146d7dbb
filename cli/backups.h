/* SPDX-License-Identifier: MIT */
/*
 * backups.h - the actions of `maqet backup` that concern backups which exist.
 */
#ifndef MAQET_CLI_BACKUPS_H
#define MAQET_CLI_BACKUPS_H

#include "cli/invocation.h"

/* How their results are shown. */
extern const struct view backup_list_view, backup_verify_view, backup_prune_view,
    backup_restore_view;

/* The actions; they return the exit code, or -1 with an error. */
int backup_list(struct invocation *invocation, struct maqet_error **err);
int backup_verify(struct invocation *invocation, struct maqet_error **err);
int backup_restore(struct invocation *invocation, struct maqet_error **err);
int backup_prune(struct invocation *invocation, struct maqet_error **err);

#endif
