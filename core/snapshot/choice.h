/* SPDX-License-Identifier: MIT */
/*
 * choice.h - which drives a command is about: one, or all that the guest can write to.
 * What all of them would silently be without is an error that names it.
 */
#ifndef MAQET_SNAPSHOT_CHOICE_H
#define MAQET_SNAPSHOT_CHOICE_H

#include "core/snapshot/request.h"
#include "core/snapshot/session.h"

enum maqet_purpose {
    MAQET_PURPOSE_CREATE,
    MAQET_PURPOSE_LOAD,
    MAQET_PURPOSE_DELETE,
};

/*
 * Chooses the members for a request (its drive, exclude and name), and reads their lists.
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
