/* SPDX-License-Identifier: MIT */
/*
 * choice.h - what is asked of snapshots, and which drives a command is about: one, or all
 * that the guest can write to. What all of them would silently be without is an error that
 * names it.
 */
#ifndef MAQET_SNAPSHOT_CHOICE_H
#define MAQET_SNAPSHOT_CHOICE_H

#include "core/base/context.h"

struct maqet_session;

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

enum maqet_purpose {
    MAQET_PURPOSE_CREATE,
    MAQET_PURPOSE_LOAD,
    MAQET_PURPOSE_DELETE,
};

/*
 * Makes sure that the machine runs, or doesn't, as the request needs it (MAQET_ERROR_STATE);
 * chooses the members for its drive, exclude and name, and reads their lists.
 *
 * All drives: what holds nothing that a snapshot keeps is left out by itself. A drive
 * without snapshots, and a device besides the drives that the guest can write to, must be
 * excluded, but for deleting. What was excluded when a set was made is so for loading and
 * deleting it; and a drive that is not in the set must be excluded for loading it. @left
 * (may be NULL) gets what is left out.
 */
int maqet_choice_make(struct maqet_session *session,
                      const struct maqet_snapshot_request *request,
                      enum maqet_purpose purpose, struct maqet_snapshot_left *left,
                      struct maqet_error **err);

#endif
