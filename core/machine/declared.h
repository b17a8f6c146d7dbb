/* SPDX-License-Identifier: MIT */
/*
 * declared.h - chains of backing files that are declared in parts: a drive names its backing file, and the
 * drive whose image that is names the next one. That drive may be another one of the machine, or one of another
 * machine in the data folder. Only what some configuration names is ever opened. The whole chain becomes a part
 * of the drive's own definition, so it is looked for only once.
 */
#ifndef MAQET_MACHINE_DECLARED_H
#define MAQET_MACHINE_DECLARED_H

#include "core/machine/vm.h"

/* Adds to lists what a drive of a machine declares that a file stands on, which is its image: the further files,
 * and their formats. False: none does. */
bool maqet_declared_add(const struct maqet_vm *vm, const char *file, json_object *files,
                        json_object *formats);

/* The same for a stored machine, by its name. */
typedef bool maqet_declared_by_other(const struct maqet_context *context,
                                     const char *name, const char *file,
                                     json_object *files, json_object *formats);

/* Gives those drives of a machine that cannot be used as they are defined (@entries, in their order) the further
 * backing files that are declared elsewhere. */
void maqet_declared_complete(struct maqet_vm *vm, json_object *entries,
                             maqet_declared_by_other *by_other);

#endif
