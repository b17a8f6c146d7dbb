/* SPDX-License-Identifier: MIT */
/*
 * remove_elsewhere.h - whether storage that is not a file of this host, and that maqet has
 * had created, is deleted with its machine.
 */
#ifndef MAQET_LIFECYCLE_REMOVE_ELSEWHERE_H
#define MAQET_LIFECYCLE_REMOVE_ELSEWHERE_H

#include "core/lifecycle/remove.h"
#include "core/machine/vm.h"

/* Whether the storage of a drive may be deleted. *reason (the caller frees) gets a phrase
 * that says why, or why not; NULL: there is nothing to say, since nothing was ever
 * created. */
bool maqet_elsewhere_is_removed(const struct maqet_vm *vm,
                                const struct maqet_drive *drive,
                                const struct maqet_remove *how, char **reason);

/* Why the storage of a drive must stay: a machine's stored definition has it, or somebody
 * uses it. NULL: nothing needs it. The caller frees. */
char *maqet_elsewhere_need(const struct maqet_context *context,
                           const struct maqet_drive *drive);

#endif
