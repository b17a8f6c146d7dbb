/* SPDX-License-Identifier: MIT */
/*
 * machines.h - one task for each machine that the command line names, all at the same
 * time: a worker process for each, whose messages and result come back through a pipe. A
 * single machine needs no worker.
 */
#ifndef MAQET_CLI_MACHINES_H
#define MAQET_CLI_MACHINES_H

#include "cli/invocation.h"

/* What came of one; the fields of a command's view have what it tells of that. */
struct machine_result {
    char *name;
    bool before; /* what it was already: paused, or running */
    int pid;     /* of its QEMU */
};

/* Does the work for one machine, of which the result has nothing but the name, and fills
 * the rest of it. Returns 0, or -1 and an error. */
typedef int machine_task(struct invocation *invocation, struct machine_result *machine,
                         struct maqet_error **err);

/* Runs the task for all operands and shows each result as it comes. Returns the exit
 * code: the greatest of all. */
int machines_run(struct invocation *invocation, machine_task *task);

/* Puts a machine's name in the place of a UUID among the operands, as the command's
 * synopsis has them, so that all that is said of it names it. What is no machine stays:
 * the command has the words for that. */
void machines_name(struct invocation *invocation);

/* The names of all machines that the operands mean, each once. One that is not there is
 * shown as an error. */
void machines_resolve(struct invocation *invocation, struct maqet_strings *names);

/* For struct maqet_stop, with the invocation as its data: shows how long it still may
 * take. */
void machines_waiting(void *invocation, const char *name, int64_t left);

#endif
