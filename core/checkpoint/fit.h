/* SPDX-License-Identifier: MIT */
/*
 * fit.h - whether a checkpoint fits its machine as it would be started now.
 */
#ifndef MAQET_CHECKPOINT_FIT_H
#define MAQET_CHECKPOINT_FIT_H

#include "core/checkpoint/loading.h"

/* Whether the machine has the drives that the checkpoint includes. */
int maqet_fit_check_drives(const struct maqet_loading *loading, struct maqet_error **err);

/* Whether QEMU's command line, which is @argv now, and QEMU's version are those of the checkpoint. */
int maqet_fit_check(const struct maqet_loading *loading, const struct maqet_strings *argv,
                    struct maqet_error **err);

/* Instead of what an error advises to load the machine itself, or to delete the checkpoint, which its forks do
 * not want: to create another checkpoint. */
void maqet_fit_advise_forks(const struct maqet_loading *loading,
                            struct maqet_error **err);

#endif
