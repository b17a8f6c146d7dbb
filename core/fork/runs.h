/* SPDX-License-Identifier: MIT */
/*
 * runs.h - several commands, each with a guest of its own that goes on from the same checkpoint,
 * and several at a time.
 */
#ifndef MAQET_FORK_RUNS_H
#define MAQET_FORK_RUNS_H

#include "core/fork/ran.h"
#include "core/fork/run.h"

/* A command of a list. */
struct maqet_run_listed {
    const char *title;       /* as the user has written it */
    const char *const *argv; /* ended by NULL */
};

struct maqet_runs_request {
    /* What they have in common: all but argv, output, console_log, begins and data. */
    struct maqet_run_request each;
    const struct maqet_run_listed *commands;
    size_t count;
    unsigned parallel; /* so many at a time */
    const char *logs;  /* the folder of their logs, which is created if it is missing */
    /* Called with each in their order, as soon as it and those before it have ended. */
    void (*ended)(void *data, const struct maqet_ran *ran);
    void *data;
};

/* Runs them as maqet_vm_run_forked() does, without standard input. *rans gets one for each
 * command; those that were not run have no number. An error if none can be run, or after an
 * interrupt. */
int maqet_vm_run_all(const struct maqet_context *context,
                     const struct maqet_runs_request *request, struct maqet_rans *rans,
                     struct maqet_error **err);

#endif
