/* SPDX-License-Identifier: MIT */
/*
 * stop.h - stops a machine.
 */
#ifndef MAQET_LIFECYCLE_STOP_H
#define MAQET_LIFECYCLE_STOP_H

#include "core/base/context.h"

struct maqet_stop {
    int64_t timeout; /* ms that the guest has to power off */
    bool force;      /* kill QEMU afterwards */
    /* Called about once a second while we wait; may be NULL. */
    void (*waiting)(void *data, const char *name, int64_t left);
    void *data;
};

/* Stops a machine; *was_running (may be NULL): it was running. MAQET_ERROR_TIMEOUT: the
 * guest did not power off in time, and @force is not set. */
int maqet_vm_stop(const struct maqet_context *context, const char *name,
                  const struct maqet_stop *stop, bool *was_running,
                  struct maqet_error **err);

#endif
