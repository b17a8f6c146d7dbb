/* SPDX-License-Identifier: MIT */
/*
 * others.h - looks through all machines of a data folder, for whoever must not miss one.
 */
#ifndef MAQET_MACHINE_OTHERS_H
#define MAQET_MACHINE_OTHERS_H

#include "core/base/context.h"

/* Looks through the machines, and forgets what an earlier call has found. */
typedef void maqet_others_look(void *data, const struct maqet_strings *names);

/*
 * Calls @look with the names of all machines, and again if some were added, removed or renamed
 * meanwhile: one that is renamed between the listing and the look would not be found by
 * either name, and one that is removed cannot be read, as if it were damaged. Returns 0 if the
 * last call has seen what there was; -1: they cannot be listed, or did not stop changing.
 */
int maqet_others_look_through(const struct maqet_context *context,
                              maqet_others_look *look, void *data,
                              struct maqet_error **err);

#endif
