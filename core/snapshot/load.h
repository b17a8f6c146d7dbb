/* SPDX-License-Identifier: MIT */
/*
 * load.h - reverts drives to a snapshot.
 */
#ifndef MAQET_SNAPSHOT_LOAD_H
#define MAQET_SNAPSHOT_LOAD_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"

/*
 * Reverts drives to a snapshot; what was written since is lost. Live: QEMU is ended, and
 * started again with the same arguments. Needs vm, drive, exclude, name, way, timeout.
 * *pid gets QEMU's PID; 0: it does not run.
 */
int maqet_snapshot_load(const struct maqet_context *context,
                        const struct maqet_snapshot_request *request, int *pid,
                        struct maqet_error **err);

/* Whether it could be loaded, before the user is asked. *live: QEMU would be ended; *silent:
 * QEMU does not answer; @drives gets the drives, @left what is left out. */
int maqet_snapshot_loadable(const struct maqet_context *context,
                            const struct maqet_snapshot_request *request, bool *live,
                            bool *silent, struct maqet_strings *drives,
                            struct maqet_snapshot_left *left, struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_load;

#endif
