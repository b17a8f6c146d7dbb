/* SPDX-License-Identifier: MIT */
/*
 * start_stop.h - the tasks of start and stop, of which restart consists.
 */
#ifndef MAQET_CLI_START_STOP_H
#define MAQET_CLI_START_STOP_H

#include "cli/invocation.h"
#include "core/machine/drives.h"

/* Of the rows that start_machine() returns. */
extern const struct column start_columns[];

/* What the options allow a start to do. */
struct maqet_drives_consent start_consent(const struct invocation *invocation);

/* Starts a machine as the options say. Returns a row with name and pid. */
json_object *start_machine(struct invocation *invocation, const char *name,
                           struct maqet_error **err);

/* Stops a machine as the options say. Returns a row with name and was_running. */
json_object *stop_machine(struct invocation *invocation, const char *name,
                          struct maqet_error **err);

#endif
