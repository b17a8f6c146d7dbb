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

#include "core/base/field.h"
#include "core/qemu/plugged.h"

/* What the ids of these bridges begin with. */
#define MAQET_ADDRESSES_VACANT "maqet-vacant-"

/* Marks the devices without a bus among the objects from index @from on: each of them
 * takes an address. @hot: it can also be added to a QEMU that runs. */
void maqet_addresses_mark(struct maqet_args *args, size_t from, bool hot);

/* The marked device of that id; NULL: there is none. */
struct maqet_props *maqet_addresses_find(const struct maqet_args *args, const char *id);

/* Puts objects that were appended last, from index @from on, before all others. */
void maqet_addresses_to_front(struct maqet_args *args, size_t from);

/* Whether the machine type's root bus is PCI Express, on which nothing can be added to a
 * QEMU that runs. */
bool maqet_addresses_express(const char *machine_type);

/* Orders the marked devices as recorded in @before, a list of ids (empty: as they are),
 * and adds a bridge for each one that has gone. New ones get the addresses of those, or the
 * ones behind. @machine_type: QEMU's. @now, which is empty, gets the new record. */
void maqet_addresses_keep(struct maqet_args *args, const struct maqet_strings *before,
                          const char *machine_type, struct maqet_strings *now);

/* Records a device that was added to a QEMU that runs, which has @plugged, and has given it
 * the first free address. */
void maqet_addresses_note(struct maqet_strings *pci, const char *device,
                          const struct maqet_plugged *plugged);

/* ---- exact addresses ---- */

/* The address of a device of a QEMU to or from which devices were added or removed while
 * it ran: no order of a command line leads there. */
struct maqet_address {
    char *device;
    char *bus;       /* "pci.0" */
    int64_t address; /* slot times 8 plus function */
};

extern const struct maqet_fields maqet_address_fields;

/* Gives the marked devices these addresses, and adds the bridges among them. */
void maqet_addresses_fix(struct maqet_args *args, const struct maqet_address *addresses,
                         size_t count, const char *machine_type);

#endif
