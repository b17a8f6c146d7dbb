/* SPDX-License-Identifier: MIT */
/*
 * creatable.h - whether a checkpoint can be made of a machine, and how large it gets.
 */
#ifndef MAQET_CHECKPOINT_CREATABLE_H
#define MAQET_CHECKPOINT_CREATABLE_H

#include "core/snapshot/session.h"

/* What was found out of the machine. */
struct maqet_making {
    uint64_t memory; /* of the guest, in bytes, which bounds what its state takes */
    struct maqet_strings
        flash; /* the files of flash and persistent memory, and of a TPM */
};

void maqet_making_cleanup(struct maqet_making *making);

#define _cleanup_making_ _cleanup_(maqet_making_cleanup)

/* Chooses the drives, and looks for all that is in the way of a checkpoint of that name:
 * a guest that does not run, a name that is taken, what QEMU can't save, no room. */
int maqet_creatable_check(struct maqet_session *session, const char *name,
                          struct maqet_making *making, struct maqet_error **err);

#endif
