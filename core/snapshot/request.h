/* SPDX-License-Identifier: MIT */
/*
 * request.h - what is asked of snapshots, and what a command at all drives leaves out.
 */
#ifndef MAQET_SNAPSHOT_REQUEST_H
#define MAQET_SNAPSHOT_REQUEST_H

#include "core/base/text.h"

enum maqet_way {
    MAQET_WAY_OFFLINE, /* the machine must not run */
    MAQET_WAY_LIVE,    /* it must run */
    MAQET_WAY_AUTO,    /* whatever it does */
};

/* What is asked for; a member that a call does not name below is ignored by it. */
struct maqet_snapshot_request {
    const char *vm;                      /* name or UUID */
    const char *drive;                   /* NULL: all drives */
    const struct maqet_strings *exclude; /* drives left out of all; may be NULL */
    const char *name;                    /* of the snapshot */
    enum maqet_way way;
    bool overwrite;         /* create: replaces one of that name */
    int64_t freeze_timeout; /* create, live: ms that freezing the guest's file systems may
                             * take; negative: they are not frozen */
    int64_t timeout; /* load, live: ms that QEMU has to answer when it starts again */
    bool silent;     /* load: QEMU is known not to answer, and is not asked */
};

/* What a command at all drives leaves out. */
struct maqet_snapshot_left {
    struct maqet_strings skipped;  /* drives that hold nothing which a snapshot keeps:
                                    * shares,  and what the guest can't write to */
    struct maqet_strings excluded; /* drives and other devices that the user leaves out,
                                    * or has left out when the set was made */
};

void maqet_snapshot_left_clear(struct maqet_snapshot_left *left);

#endif
