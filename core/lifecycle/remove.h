/* SPDX-License-Identifier: MIT */
/*
 * remove.h - removes a machine, and its files or some of them.
 */
#ifndef MAQET_LIFECYCLE_REMOVE_H
#define MAQET_LIFECYCLE_REMOVE_H

#include "core/lifecycle/removal_plan.h"

/* Whether a machine could be removed without force: it is not running, its folder contains only
 * files of maqet, and no overlays unless @how deletes them, and its checkpoints have no forks but
 * for those in @going, which are removed before. */
int maqet_vm_removable(const struct maqet_context *context, const char *name,
                       const struct maqet_remove *how, const struct maqet_strings *going,
                       struct maqet_error **err);

struct maqet_opened;

/* The same for an opened machine, which is locked and stopped; @receipt as below. */
int maqet_opened_remove(struct maqet_opened *machine, const struct maqet_remove *how,
                        struct maqet_removal *receipt, struct maqet_error **err);

/* Removes a machine. @receipt tells what was done to its files, as the plan does. */
int maqet_vm_remove(const struct maqet_context *context, const char *name,
                    const struct maqet_remove *how, struct maqet_removal *receipt,
                    struct maqet_error **err);

#endif
