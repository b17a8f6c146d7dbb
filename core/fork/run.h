/* SPDX-License-Identifier: MIT */
/*
 * run.h - a command on the host while a guest goes on from a checkpoint, in a fork of its own of
 * which nothing is kept. The machine itself may run, and so may other forks. Signals that ask us
 * to end are noticed as in other commands (core/base/interrupt.h).
 */
#ifndef MAQET_FORK_RUN_H
#define MAQET_FORK_RUN_H

#include <sys/types.h>

#include "core/base/context.h"

struct maqet_run_request {
    const char *vm; /* name or UUID */
    const char *checkpoint;
    int64_t answer_timeout; /* ms for all answers of a QEMU */
    /* The command; NULL: none, and the guest runs until it powers off. */
    const char *const *argv;
    int64_t timeout;            /* ms for all of it; negative: no limit */
    mode_t umask;               /* of the command */
    int output;                 /* gets what it prints; -1: our standard streams do */
    const char *console_log;    /* the file that gets what the guest prints; NULL: none */
    void (*begins)(void *data); /* called before the command begins; NULL: nothing */
    void *data;
};

/* Exit codes that mean the same with timeout(1), env(1) and podman-run(1). */
enum maqet_run_exit {
    MAQET_RUN_LATE = 124,      /* the command, or the guest, took too long */
    MAQET_RUN_FAILED = 125,    /* maqet itself failed */
    MAQET_RUN_NOT_RUN = 126,   /* the command cannot be run */
    MAQET_RUN_NOT_FOUND = 127, /* the command does not exist */
};

/* Whether a run could begin, without beginning one. */
int maqet_vm_run_check(const struct maqet_context *context,
                       const struct maqet_run_request *request, struct maqet_error **err);

/*
 * Starts a fork "VM-run-1", or the next one of these names that is free, runs the command, ends
 * QEMU, and removes the fork; no image is written to. The command's environment has MAQET_VM (the
 * fork's name), MAQET_QMP (the path of the monitor's socket) and MAQET_CONSOLE (that of the serial
 * console, if it has a path). QEMU is killed with us, and what is left of the fork then is
 * removed when its source is opened with its lock. *exit_code gets the exit code of the command,
 * or with an error one of enum maqet_run_exit.
 */
int maqet_vm_run_forked(const struct maqet_context *context,
                        const struct maqet_run_request *request, int *exit_code,
                        struct maqet_error **err);

#endif
