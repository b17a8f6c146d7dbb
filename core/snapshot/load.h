/* SPDX-License-Identifier: MIT */
/*
 * load.h - reverting drives to a snapshot. A machine that runs is ended first, and started again
 * afterwards as it was.
 */
#ifndef MAQET_SNAPSHOT_LOAD_H
#define MAQET_SNAPSHOT_LOAD_H

#include "core/job/kind.h"
#include "core/snapshot/choice.h"

/*
 * Makes the drives' present state that of the snapshot; what came after it is lost. Live:
 * QEMU is ended, and started again with the same arguments. Needs vm, drive, exclude,
 * name, way, timeout. *pid gets QEMU's PID, 0: it does not run.
 */
int maqet_snapshot_load(const struct maqet_context *context,
                        const struct maqet_snapshot_request *request, int *pid,
                        struct maqet_error **err);

/* Whether it could be loaded, before anybody is asked; *live tells which way it would go,
 * *silent whether QEMU does not answer, @drives gets the drives, @left what stays as it
 * is. */
int maqet_snapshot_loadable(const struct maqet_context *context,
                            const struct maqet_snapshot_request *request, bool *live,
                            bool *silent, struct maqet_strings *drives,
                            struct maqet_snapshot_left *left, struct maqet_error **err);

/* The row of this job. */
extern const struct maqet_job_kind maqet_kind_load;

#endif
