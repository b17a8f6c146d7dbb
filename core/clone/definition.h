/* SPDX-License-Identifier: MIT */
/*
 * definition.h - the definition of a clone.
 */
#ifndef MAQET_CLONE_DEFINITION_H
#define MAQET_CLONE_DEFINITION_H

#include "core/clone/plan.h"
#include "core/machine/definition.h"
#include "core/machine/network.h"

/* That of the machine, with drives as planned, whose files have names of their own, and with
 * another name and UUID. @taken and @ports as for maqet_unlike_change(). NULL on error. */
struct maqet_definition *
maqet_clone_definition(const struct maqet_vm *vm, const struct maqet_clone_plan *plan,
                       const char *name, struct maqet_forwards *taken,
                       struct maqet_strings *ports, struct maqet_error **err);

#endif
