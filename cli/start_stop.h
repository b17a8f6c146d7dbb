/* SPDX-License-Identifier: MIT */
/*
 * start_stop.h - the tasks of start and stop, of which restart consists.
 */
#ifndef MAQET_CLI_START_STOP_H
#define MAQET_CLI_START_STOP_H

#include "cli/invocation.h"
#include "core/machine/drives.h"

struct started {
    char *name;
    int pid;
};

struct stopped {
    char *name;
    bool was_running;
};

extern const struct maqet_fields started_fields;
extern const struct maqet_fields stopped_fields;

/* What the options allow a start to do. */
struct maqet_drives_consent start_consent(const struct invocation *invocation);

/* Starts a machine as the options say; @row is a struct started. */
int start_machine(struct invocation *invocation, const char *name, void *row,
                  struct maqet_error **err);

/* Stops a machine as the options say; @row is a struct stopped. */
int stop_machine(struct invocation *invocation, const char *name, void *row,
                 struct maqet_error **err);

#endif
