/* SPDX-License-Identifier: MIT */
/*
 * startable.h - whether a machine would start, before anything is ended or reverted for
 * it: all that a start looks at, without making anything.
 */
#ifndef MAQET_LIFECYCLE_STARTABLE_H
#define MAQET_LIFECYCLE_STARTABLE_H

#include "core/machine/drives.h"

/* In which way it is to be started. */
enum maqet_startable {
    MAQET_STARTABLE_STOPPED, /* it doesn't run */
    MAQET_STARTABLE_RESTART, /* it runs, and is shut down before: `restart` */
    MAQET_STARTABLE_AGAIN,   /* it runs, and is ended and started again as it was, within
                              * one command: what QEMU's end takes away is missing then */
};

/* What a start looks at besides the drives, and before it makes any image: QEMU's program
 * and accelerator, what drives' plugins run, the files and sockets in `arguments`. */
int maqet_vm_check_launchable(const struct maqet_vm *vm, struct maqet_error **err);

/*
 * Checks a definition (taken): its drives, also those that are not to be reverted, what
 * their plugins need, QEMU's program, the files and sockets in `arguments`. @consent may
 * be NULL: none.
 */
int maqet_vm_check_startable(const struct maqet_context *context,
                             struct maqet_definition *definition,
                             enum maqet_startable how,
                             const struct maqet_drives_consent *consent,
                             struct maqet_error **err);

#endif
