/* SPDX-License-Identifier: MIT */
/*
 * addresses.h - where devices sit on the machine's PCI bus. QEMU gives a device that names
 * no bus the next free address, in the order of the command line, so one that is removed
 * would move all that follow it. The order is therefore recorded, and an empty bridge takes
 * the address of a device that has gone, until a new one can have it.
 *
 * Fixed addresses would not do: they clash with what the user's own arguments add.
 */
#ifndef MAQET_QEMU_ADDRESSES_H
#define MAQET_QEMU_ADDRESSES_H

#include "core/qemu/objects.h"

/* What the ids of these bridges begin with. */
#define MAQET_ADDRESSES_VACANT "maqet-vacant-"

/* Marks the devices without a bus among the objects from index @from on: each of them
 * takes an address. */
void maqet_addresses_mark(struct maqet_args *args, size_t from);

/* Orders the marked devices as recorded in @before, a list of ids (empty: as they are),
 * and adds a bridge for each one that has gone. New ones get the addresses of those, or the
 * ones behind. @machine_type: QEMU's. @now, which is empty, gets the new record. */
void maqet_addresses_keep(struct maqet_args *args, const struct maqet_strings *before,
                          const char *machine_type, struct maqet_strings *now);

#endif
