/* SPDX-License-Identifier: MIT */
/*
 * fallbacks.h - the values that hold where the definition of a machine says nothing.
 */
#ifndef MAQET_MACHINE_FALLBACKS_H
#define MAQET_MACHINE_FALLBACKS_H

#include "core/machine/listing.h"
#include "core/machine/vm.h"

/* Adds the keys that a machine's definition does not have, nor its `arguments` instead, with
 * their values: those of the top level, and the options of its drives. Keys without a value
 * are left out. */
void maqet_fallbacks_add(struct maqet_listing *listing, const struct maqet_vm *vm);

#endif
