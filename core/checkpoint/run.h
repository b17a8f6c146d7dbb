/* SPDX-License-Identifier: MIT */
/*
 * run.h - a guest that goes on from a checkpoint for a test, of which nothing is kept.
 */
#ifndef MAQET_CHECKPOINT_RUN_H
#define MAQET_CHECKPOINT_RUN_H

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/checkpoint/request.h"

/* A command that is run on the host beside a restored guest. */
struct maqet_checkpoint_command {
    const char *const *argv; /* NULL: none; the guest runs until it powers off */
    int64_t timeout;         /* ms for all of it; negative: no limit */
};

/*
 * Lets the guest go on from a checkpoint, runs the command, ends QEMU, and throws all
 * that the guest has changed away; the images are never written to. The command finds
 * MAQET_VM, MAQET_QMP (the path of the monitor's socket) and MAQET_CONSOLE (that of the
 * serial console, where it is a socket) in its environment; *exit_code gets its exit
 * code. Needs vm, name, timeout.
 */
int maqet_checkpoint_run(const struct maqet_context *context,
                         const struct maqet_checkpoint_request *request,
                         const struct maqet_checkpoint_command *command, int *exit_code,
                         struct maqet_error **err);

#endif
