/* SPDX-License-Identifier: MIT */
/*
 * generation.h - the generation ID of a machine, by which its guest sees that it is a copy, or
 * was taken back in time (QEMU: docs/specs/vmgenid): a Linux guest then seeds its random numbers
 * again. It is the machine's UUID until its drives revert to a snapshot or a checkpoint is
 * loaded; from then on it is a random one in a file in the machine's folder.
 */
#ifndef MAQET_MACHINE_GENERATION_H
#define MAQET_MACHINE_GENERATION_H

#include "core/machine/vm.h"

/* QEMU's device. */
#define MAQET_GENERATION_DEVICE "vmgenid"

/* Whether maqet gives the machine one: as the key `generation_id` says, by default if its machine
 * type has one and `arguments` do not. */
bool maqet_vm_has_generation(const struct maqet_vm *vm);

/* Its generation ID. The caller frees. */
char *maqet_generation_of(const struct maqet_vm *vm);

/* Gives a machine another one, and stores it. The caller holds the machine's lock. */
int maqet_generation_renew(const struct maqet_context *context, const char *name,
                           struct maqet_error **err);

#endif
