/* SPDX-License-Identifier: MIT */
/*
 * foreground.h - running a machine under our own eyes.
 */
#ifndef MAQET_LIFECYCLE_FOREGROUND_H
#define MAQET_LIFECYCLE_FOREGROUND_H

#include "core/lifecycle/start.h"

/*
 * Starts a machine as maqet_vm_start() does, but QEMU keeps our terminal and we stay until it has ended; *exit_code gets
 * its exit code. SIGTERM and SIGHUP press the power button; a second one ends QEMU. A
 * service manager that waits for it is told when QEMU runs (sd_notify(3)).
 */
int maqet_vm_run(const struct maqet_context *context, const char *name,
                 const struct maqet_start *how, int *exit_code, struct maqet_error **err);

#endif
