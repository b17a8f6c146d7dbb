/* SPDX-License-Identifier: MIT */
/*
 * ended.h - what is due when a machine has ended: plugins with a callback @ended are told,
 * and storage that is made for each start is deleted. The drives that this concerns are
 * recorded in the machine's folder before anything is created for a start, with the
 * definition of that start. So the first command that finds the machine stopped does what is due,
 * even if the host has rebooted, or the definition has changed since.
 */
#ifndef MAQET_MACHINE_ENDED_H
#define MAQET_MACHINE_ENDED_H

#include "core/machine/vm.h"

/* Records the drives of a machine that is being started, or that gets another one, if there
 * are any; nothing is due from before. The caller holds the machine's lock, here and below. */
int maqet_ended_note(const struct maqet_vm *vm, struct maqet_error **err);

/* Does what is due for a machine that has ended. What fails stays due, and so does what is
 * interrupted. */
int maqet_ended_settle(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Does what is due for one drive that a machine no longer has, though it may run. */
int maqet_ended_settle_drive(const struct maqet_context *context, const char *name,
                             const char *drive, struct maqet_error **err);

/* Whether something is due for a drive that the definition still has. */
bool maqet_ended_concerns(const struct maqet_context *context, const char *name,
                          const struct maqet_definition *definition);

/* Forgets what is due, because it cannot be done any more. */
int maqet_ended_forget(const struct maqet_context *context, const char *name,
                       struct maqet_error **err);

/* Removes the folders of drives that a stopped machine no longer has, unless something is
 * due, which may need them. */
int maqet_ended_prune(const struct maqet_context *context, const char *name,
                      const struct maqet_definition *definition,
                      struct maqet_error **err);

#endif
