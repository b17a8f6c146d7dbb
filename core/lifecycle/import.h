/* SPDX-License-Identifier: MIT */
/*
 * import.h - a new machine with a drive that contains what an image of another program does.
 * The image is only read. The machine and its drive's image exist together or not at all.
 */
#ifndef MAQET_LIFECYCLE_IMPORT_H
#define MAQET_LIFECYCLE_IMPORT_H

#include "core/machine/vm.h"
#include "core/storage/foreign.h"

/* Inspects an image that is to be imported. @plain is QEMU's name of the format that has no
 * header: it is what an image is that begins with a boot record, and what the user says. */
int maqet_import_inspect(struct maqet_foreign *foreign, const char *plain,
                         struct maqet_error **err);

struct maqet_import {
    const struct maqet_foreign *from;
    const struct maqet_drive *drive; /* of the machine; its image is created */
    /* Called if nothing comes of it because we are killed: in a child. */
    void (*undo)(void *data);
    void *data;
};

/* Creates the drive's image, and adds the machine. */
int maqet_vm_import(struct maqet_vm *vm, const struct maqet_import *import,
                    struct maqet_error **err);

#endif
