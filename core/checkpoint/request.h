/* SPDX-License-Identifier: MIT */
/*
 * request.h - what is asked of checkpoints.
 */
#ifndef MAQET_CHECKPOINT_REQUEST_H
#define MAQET_CHECKPOINT_REQUEST_H

#include "core/qemu/migration_save.h"

struct maqet_checkpoint_request {
    const char *vm;   /* name or UUID */
    const char *name; /* of the checkpoint */
    enum maqet_migration_method method;
    bool compress;   /* create, keep: the file of state, with Zstandard */
    int64_t limit;   /* create, keep: ms for which precopy may go on */
    int64_t timeout; /* load: ms that QEMU has to answer */
    bool running;    /* load: the machine may run, and is ended for it */
    bool silent;     /* load: QEMU is known not to answer, and is not asked */
    const char
        *keep; /* load: the present state is kept under this name; NULL: it isn't */
    const char *verified; /* load: what maqet_checkpoint_loadable told; may be NULL */
};

#endif
