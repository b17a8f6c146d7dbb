/* SPDX-License-Identifier: MIT */
/*
 * run.h - resumes a guest from a checkpoint for a test, and discards its changes. Signals that
 * ask us to end are noticed as in other commands (core/base/interrupt.h).
 */
#ifndef MAQET_CHECKPOINT_RUN_H
#define MAQET_CHECKPOINT_RUN_H

#include <sys/types.h>

#include "core/base/context.h"
#include "core/checkpoint/request.h"

/* A command that is run on the host while the guest runs. */
struct maqet_checkpoint_command {
    const char *const *argv;    /* NULL: none; the guest runs until it powers off */
    int64_t timeout;            /* ms for all of it; negative: no limit */
    mode_t umask;               /* of the command */
    void (*begins)(void *data); /* called before it begins; NULL: nothing */
    void *data;
};

/* Exit codes that mean the same with timeout(1), env(1) and podman-run(1). */
enum maqet_run_exit {
    MAQET_RUN_LATE = 124,      /* the command, or the guest, took too long */
    MAQET_RUN_FAILED = 125,    /* maqet itself failed */
    MAQET_RUN_NOT_RUN = 126,   /* the command cannot be run */
    MAQET_RUN_NOT_FOUND = 127, /* the command does not exist */
};

/*
 * Resumes the guest, runs the command, ends QEMU, and discards all that the guest has
 * changed; the images are never written to. The command's environment has MAQET_VM,
 * MAQET_QMP (the path of the monitor's socket) and MAQET_CONSOLE (that of the serial
 * console, if it is a socket); *exit_code gets its exit code, or with an error one of enum
 * maqet_run_exit. Needs vm, name, timeout.
 */
int maqet_checkpoint_run(const struct maqet_context *context,
                         const struct maqet_checkpoint_request *request,
                         const struct maqet_checkpoint_command *command, int *exit_code,
                         struct maqet_error **err);

#endif
