/* SPDX-License-Identifier: MIT */
/*
 * startable.h - whether a machine would start, before QEMU is ended or drives are reverted:
 * all checks of a start, without creating anything.
 */
#ifndef MAQET_LIFECYCLE_STARTABLE_H
#define MAQET_LIFECYCLE_STARTABLE_H

#include "core/machine/drives.h"

/* How it will be started. */
enum maqet_startable {
    MAQET_STARTABLE_STOPPED, /* it is not running */
    MAQET_STARTABLE_RESTART, /* it is running, and is shut down first: `restart` */
    MAQET_STARTABLE_AGAIN,   /* it is running, and is ended and started again as it was by
                              * one command: what ends with QEMU is missing then */
};

/* What a start checks besides the drives, before it creates an image: QEMU's program and
 * accelerator, what drives' plugins run, the files and sockets in `arguments`. */
int maqet_vm_check_launchable(struct maqet_vm *vm, struct maqet_error **err);

/* Checks a definition (taken): the same, and all its drives. @consent may be NULL. */
int maqet_vm_check_startable(const struct maqet_context *context,
                             struct maqet_definition *definition,
                             enum maqet_startable how,
                             const struct maqet_drives_consent *consent,
                             struct maqet_error **err);

#endif
