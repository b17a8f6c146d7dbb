/* SPDX-License-Identifier: MIT */
/*
 * machines.h - one task for each machine that the command line names, all at the same
 * time: each in a worker process, which sends its messages and its result through a
 * socket. A single machine needs no worker.
 */
#ifndef MAQET_CLI_MACHINES_H
#define MAQET_CLI_MACHINES_H

#include "cli/invocation.h"

/* The result for one; the fields of a command's view say which members it uses. */
struct machine_result {
    char *name;
    bool before; /* whether it was paused, or running, before */
    int pid;     /* of QEMU */
};

/* Does the work for one machine, whose name is in the result, and fills the rest of the
 * result. Returns 0, or -1 with an error. */
typedef int machine_task(struct invocation *invocation, struct machine_result *machine,
                         struct maqet_error **err);

/* Runs the task for all VMs that are selected, and shows each result as it arrives. Returns
 * the greatest exit code. */
int machines_run(struct invocation *invocation, machine_task *task);

/* Replaces UUIDs of machines among the operands by their names, which all messages use.
 * Unknown ones stay, and are the command's error. */
void machines_name(struct invocation *invocation);

/* The names of the machines that the operands name, each once. One that does not exist is
 * shown as an error. */
void machines_resolve(struct invocation *invocation, struct maqet_strings *names);

/* Whether the command line names exactly one machine, and none is selected by a pattern. */
bool machines_is_one(const struct invocation *invocation);

/* The names of the machines that the operands select, each once: names, UUIDs and patterns
 * (glob(7)); with --all, all machines. If the command is only for machines that run, the
 * others are left out unless they are named. What selects nothing is shown as an error, or
 * with --all as a message. */
void machines_select(struct invocation *invocation, struct maqet_strings *names);

/* Whether a machine runs, or cannot be inspected. */
bool machines_runs(const struct invocation *invocation, const char *name);

/* Whether a command that does one after the other goes on with @rest, of which the next is the
 * first: no signal has asked it to end. If one has, they are named. */
bool machines_continue(const struct invocation *invocation, char *const *rest,
                       size_t count);

/* For struct maqet_stop, with the invocation as its data: shows how much time is left. */
void machines_waiting(void *invocation, const char *name, int64_t left);

#endif
