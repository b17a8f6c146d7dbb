/* SPDX-License-Identifier: MIT */
/*
 * slots.h - assigns the slots of a machine's buses to its drives, and emits them. Once a
 * start has recorded the slot of a drive (core/machine/slots.h), the drive keeps it,
 * whichever others come and go.
 */
#ifndef MAQET_STORAGE_SLOTS_H
#define MAQET_STORAGE_SLOTS_H

#include "core/base/field.h"
#include "core/qemu/addresses.h"
#include "core/storage/drive.h"

struct maqet_capacity {
    uint32_t builtin;
    uint32_t controllers;
    uint32_t per_controller;
};

struct maqet_slot {
    const char *controller; /* NULL: the machine's own */
    uint32_t index;
};

/* The recorded slots of a machine's drives. */
struct maqet_slots {
    struct maqet_slot_record {
        char *drive;
        char *interface;
        struct maqet_drive_slot slot;
    } * items;
    size_t count;
    struct maqet_strings pci;   /* devices on the bus, in order (core/qemu/addresses.h) */
    struct maqet_strings ports; /* devices in ports (core/qemu/ports.h) */
    /* Where they really are, if some were attached or detached while it was running. */
    struct maqet_address *addresses;
    size_t address_count;
    bool exact; /* they are to be there again, with a saved guest */
};

/* The rows of the lists of a struct that has a struct maqet_slots as @slots: what an
 * earlier maqet did not write. */
#define MAQET_SLOTS_ROWS(of)                                                             \
    {"pci", MAQET_FIELD(of, slots.pci), .optional = true},                               \
        {"ports", MAQET_FIELD(of, slots.ports), .optional = true},                       \
    {                                                                                    \
        "addresses",                                                                     \
            MAQET_FIELD_LIST(of, slots.addresses, slots.address_count,                   \
                             &maqet_address_fields),                                     \
            .optional = true                                                             \
    }

extern const struct maqet_fields maqet_slot_record_fields;

void maqet_slots_clear(struct maqet_slots *slots);

#define _cleanup_slots_ _cleanup_(maqet_slots_clear)

/* Adds a record; the texts are copied. */
void maqet_slots_add(struct maqet_slots *slots, const char *drive, const char *interface,
                     struct maqet_drive_slot slot);

/* Replaces the records by copies of those of another list. */
void maqet_slots_copy(struct maqet_slots *to, const struct maqet_slots *from);

/* Whether no two drives have the same slot. */
bool maqet_slots_are_distinct(const struct maqet_slots *slots);

/* The record of a drive on an interface; NULL: there is none. */
const struct maqet_slot_record *maqet_slots_find(const struct maqet_slots *slots,
                                                 const char *drive,
                                                 const char *interface);

/* Removes the record of a drive. */
void maqet_slots_remove(struct maqet_slots *slots, const char *drive);

/* Forgets where the devices really are: they are not there any more. */
void maqet_slots_clear_addresses(struct maqet_slots *slots);

/* Emits all drives and their controllers. A drive keeps the slot that @kept (may be NULL)
 * has for it on its interface, as long as the machine has that slot. The others get the
 * first free ones in the order of the list. @placed (empty; may be NULL) gets the new
 * record. */
int maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                      const struct maqet_slots *kept, struct maqet_args *args,
                      struct maqet_slots *placed, struct maqet_error **err);

/* The same for a machine that may have no drives: there are ports for those that are
 * attached while it is running. */
int maqet_machine_emit(const struct maqet_machine *machine,
                       struct maqet_drive *const *drives, size_t count,
                       const struct maqet_slots *kept, struct maqet_args *args,
                       struct maqet_slots *placed, struct maqet_error **err);

/* Emits a drive for a QEMU that runs, which may have it already, with the controllers that
 * none of the others needs. The devices have no places yet (core/qemu/ports.h). */
int maqet_drives_emit_one(struct maqet_drive *const *drives, size_t count, size_t index,
                          const struct maqet_slots *kept, struct maqet_args *args,
                          struct maqet_error **err);

#endif
