/* SPDX-License-Identifier: MIT */
/*
 * making.h - what comes before a checkpoint is made (checkpoint.c): whether it can be
 * made (making_check.c), and what it will fit (making_about.c).
 */
#ifndef MAQET_CHECKPOINT_MAKING_H
#define MAQET_CHECKPOINT_MAKING_H

#include <json-c/json.h>

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
int maqet_making_check(struct maqet_session *session, const char *name,
                       struct maqet_making *making, struct maqet_error **err);

/* What the state can be loaded into: the machine's type, the processor, QEMU's version
 * and command line, the drives. NULL on error; the caller puts it. */
json_object *maqet_making_describe(struct maqet_session *session, struct maqet_qmp *qmp,
                                   const struct maqet_making *making,
                                   struct maqet_error **err);

#endif
