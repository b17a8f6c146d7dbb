/* SPDX-License-Identifier: MIT */
/*
 * slots.h - assigns the slots of a machine's buses to its drives, and emits them. Once a
 * start has recorded the slot of a drive (core/machine/slots.h), the drive keeps it,
 * whichever others come and go.
 */
#ifndef MAQET_STORAGE_SLOTS_H
#define MAQET_STORAGE_SLOTS_H

#include "core/base/field.h"
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
    struct maqet_strings pci; /* devices on the bus, in order (core/qemu/addresses.h) */
};

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

/* Emits all drives and their controllers. A drive keeps the slot that @kept (may be NULL)
 * has for it on its interface, as long as the machine has that slot. The others get the
 * first free ones in the order of the list. @placed (empty; may be NULL) gets the new
 * record. */
int maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                      const struct maqet_slots *kept, struct maqet_args *args,
                      struct maqet_slots *placed, struct maqet_error **err);

#endif
