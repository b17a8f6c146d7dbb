/* SPDX-License-Identifier: MIT */
/*
 * run_owner.h - the file in a run folder that identifies its machine, by the run file, which
 * the machine's QEMU keeps open and locked.
 */
#ifndef MAQET_MACHINE_RUN_OWNER_H
#define MAQET_MACHINE_RUN_OWNER_H

#include "core/base/files.h"

#define MAQET_RUN_OWNER "owner"

struct maqet_run_owner {
    char *run;  /* the path of the machine's run file */
    char *uuid; /* for people */
    struct maqet_file_id id;
};

/* Returns 0, or -1 if there is no such file, or it cannot be read. */
int maqet_run_owner_read(const char *folder, struct maqet_run_owner *owner);
int maqet_run_owner_write(const char *folder, const struct maqet_run_owner *owner,
                          struct maqet_error **err);
void maqet_run_owner_clear(struct maqet_run_owner *owner);

#define _cleanup_run_owner_ _cleanup_(maqet_run_owner_clear)

/* Whether the machine is still in its data folder. What cannot be inspected counts as
 * existing. */
bool maqet_run_owner_exists(const struct maqet_run_owner *owner);

/* Whether the machine of a run folder no longer exists, and no QEMU runs in the folder. A
 * folder without the file is not known to be maqet's, so it is not abandoned. */
bool maqet_run_is_abandoned(const char *folder);

#endif
