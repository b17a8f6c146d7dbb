/* SPDX-License-Identifier: MIT */
/*
 * state.h - what a machine is doing. Liveness is the lock on RUNTIME/NAME/run, which QEMU
 * holds until it dies; never a PID alone.
 */
#ifndef MAQET_VM_STATE_H
#define MAQET_VM_STATE_H

#include "core/base/context.h"
#include "core/base/error.h"

enum maqet_status {
    MAQET_STATUS_CREATED, /* never started */
    MAQET_STATUS_RUNNING,
    MAQET_STATUS_PAUSED,
    MAQET_STATUS_STOPPED,
    MAQET_STATUS_CRASHED, /* QEMU ended without cleaning up */
};

struct maqet_state {
    enum maqet_status status;
    int pid;         /* of QEMU; 0 when it doesn't run */
    int64_t uptime;  /* ms */
    uint64_t memory; /* resident bytes of QEMU */
    double cpu;      /* percent of one processor since QEMU's start */
};

/* "running" */
const char *maqet_status_name(enum maqet_status status);

int maqet_state_read(const struct maqet_context *context, const char *name,
                     struct maqet_state *state, struct maqet_error **err);

/* What is known of a crash, in a sentence or two. The caller frees. */
char *maqet_crash_text(const struct maqet_context *context, const char *name);

#endif
