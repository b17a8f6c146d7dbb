/* SPDX-License-Identifier: MIT */
/*
 * request.h - the request of a command on checkpoints.
 */
#ifndef MAQET_CHECKPOINT_REQUEST_H
#define MAQET_CHECKPOINT_REQUEST_H

#include "core/qemu/migration_save.h"

struct maqet_checkpoint_request {
    const char *vm;   /* name or UUID */
    const char *name; /* of the checkpoint */
    enum maqet_migration_method method;
    bool compress;        /* create, keep: compress the state file with Zstandard */
    int64_t limit;        /* create, keep: ms for precopy */
    int64_t timeout;      /* load: ms for QEMU to answer */
    bool running;         /* load: if QEMU runs, it is ended */
    bool read;            /* load: QEMU reads the memory, even if it could map it */
    bool silent;          /* load: QEMU is known not to answer, and is not asked */
    bool forks;           /* load: forks go on from it, and the VM stays as it is */
    const char *keep;     /* load: save the present state under this name; NULL: don't */
    const char *verified; /* load: from maqet_checkpoint_loadable(); may be NULL */
};

#endif
