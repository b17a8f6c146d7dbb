/* SPDX-License-Identifier: MIT */
/*
 * remove.h - forgetting a machine.
 */
#ifndef MAQET_LIFECYCLE_REMOVE_H
#define MAQET_LIFECYCLE_REMOVE_H

#include "core/lifecycle/removal_plan.h"

/* Whether a machine could be removed without force: it does not run, and its folder holds
 * nothing of somebody else. */
int maqet_vm_removable(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Forgets a machine. @receipt tells what has become of its files, as the plan does. */
int maqet_vm_remove(const struct maqet_context *context, const char *name,
                    const struct maqet_remove *how, struct maqet_removal *receipt,
                    struct maqet_error **err);

#endif
