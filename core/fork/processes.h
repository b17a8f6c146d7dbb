/* SPDX-License-Identifier: MIT */
/*
 * processes.h - processes that work on forks at the same time, and report in lines of JSON to the
 * one that waits for them. They end with it.
 */
#ifndef MAQET_FORK_PROCESSES_H
#define MAQET_FORK_PROCESSES_H

#include <json-c/json.h>

#include "core/base/child.h"
#include "core/base/context.h"

struct maqet_fork_process {
    const struct maqet_context *context; /* gets its messages */
    /* Gets each line that is not a message. */
    void (*take)(void *data, json_object *line);
    /* Is told when it has ended, of itself or not; may be NULL. */
    void (*ended)(void *data);
    void *data;
    struct maqet_child child;
    struct maqet_text line; /* what has arrived of the next one */
    bool told;              /* to end */
};

/* Starts one that does the work, with @process->data. The other members are the caller's until
 * here. Returns 0, or -1 and errno. */
int maqet_fork_process_start(struct maqet_fork_process *process, maqet_child_work *work);

/* In the process, first: its copy of the context sends messages. *fd is the work's. */
void maqet_fork_process_enter(struct maqet_context *context, int *fd);

/* In the process: sends a line (taken). */
void maqet_fork_process_send(int fd, json_object *line);

/* Takes all that they report, until they have ended. An interrupt is passed on to them. */
void maqet_fork_processes_wait(struct maqet_fork_process *processes, size_t count);

#endif
