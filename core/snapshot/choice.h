/* SPDX-License-Identifier: MIT */
/*
 * choice.h - the request of a command on snapshots, and the drives that it selects: one, or
 * all that the guest can write to. Whatever a snapshot of all drives would silently lack is
 * an error that names it.
 */
#ifndef MAQET_SNAPSHOT_CHOICE_H
#define MAQET_SNAPSHOT_CHOICE_H

#include "core/base/context.h"

struct maqet_session;

enum maqet_way {
    MAQET_WAY_OFFLINE, /* the machine must be stopped */
    MAQET_WAY_LIVE,    /* it must be running */
    MAQET_WAY_AUTO,    /* either */
};

/* The request; a call ignores members that it does not name. */
struct maqet_snapshot_request {
    const char *vm;                      /* name or UUID */
    const char *drive;                   /* NULL: all drives */
    const struct maqet_strings *exclude; /* drives left out of all; may be NULL */
    const char *name;                    /* of the snapshot */
    enum maqet_way way;
    bool overwrite;         /* create: replaces one of that name */
    int64_t freeze_timeout; /* create, live: ms to freeze the guest's file systems;
                             * negative: they are not frozen */
    int64_t timeout; /* load, live: ms for QEMU to answer when it is started again */
    bool silent;     /* load: QEMU is known not to answer, and is not asked */
};

/* What a command on all drives leaves out. */
struct maqet_snapshot_left {
    struct maqet_strings skipped;  /* shares, and drives that the guest cannot write to */
    struct maqet_strings excluded; /* drives and other devices that the user excludes, or
                                    * has excluded when the set was created */
};

void maqet_snapshot_left_clear(struct maqet_snapshot_left *left);

enum maqet_purpose {
    MAQET_PURPOSE_CREATE,
    MAQET_PURPOSE_LOAD,
    MAQET_PURPOSE_DELETE,
};

/*
 * Checks that the machine is running or stopped as the request requires
 * (MAQET_ERROR_STATE), chooses the members by its drive, exclude and name, and reads their
 * lists.
 *
 * Of all drives, those without anything to snapshot are skipped. A drive without support for
 * snapshots, and a device besides the drives that the guest can write to, must be excluded,
 * except for deleting. What was excluded when a set was created is excluded when it is
 * loaded or deleted; and to load a set, a drive that is not in it must be excluded. @left
 * (may be NULL) gets what is left out.
 */
int maqet_choice_make(struct maqet_session *session,
                      const struct maqet_snapshot_request *request,
                      enum maqet_purpose purpose, struct maqet_snapshot_left *left,
                      struct maqet_error **err);

#endif
