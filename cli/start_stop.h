/* SPDX-License-Identifier: MIT */
/*
 * start_stop.h - the tasks of start and stop, of which restart consists.
 */
#ifndef MAQET_CLI_START_STOP_H
#define MAQET_CLI_START_STOP_H

#include "cli/invocation.h"

/* Of the rows that start_machine() returns. */
extern const struct column start_columns[];

/* Starts a machine as the options say. Returns a row with name and pid. */
json_object *start_machine(struct invocation *invocation, const char *name,
                           struct maqet_error **err);

/* Stops a machine as the options say. Returns a row with name and was_running. */
json_object *stop_machine(struct invocation *invocation, const char *name,
                          struct maqet_error **err);

#endif
