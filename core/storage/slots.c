/* SPDX-License-Identifier: MIT */
#include "core/storage/slots.h"

#include <inttypes.h>
#include <string.h>

#include "core/qemu/objects.h"
#include "core/storage/callback.h"

/* ---- what is recorded ---- */

const struct maqet_fields maqet_slot_record_fields = MAQET_FIELDS_OF(
    struct maqet_slot_record, {"drive", MAQET_FIELD(struct maqet_slot_record, drive)},
    {"interface", MAQET_FIELD(struct maqet_slot_record, interface)},
    {"controller", MAQET_FIELD(struct maqet_slot_record, slot.controller)},
    {"index", MAQET_FIELD(struct maqet_slot_record, slot.index)});

void
maqet_slots_clear(struct maqet_slots *slots)
{
    maqet_fields_list_free(&maqet_slot_record_fields, slots->items, slots->count);
    *slots = (struct maqet_slots){0};
}

void
maqet_slots_add(struct maqet_slots *slots, const char *drive, const char *interface,
                struct maqet_drive_slot slot)
{
    slots->items =
        maqet_realloc(slots->items, (slots->count + 1) * sizeof(*slots->items));
    slots->items[slots->count++] = (struct maqet_slot_record){
        .drive = maqet_strdup(drive),
        .interface = maqet_strdup(interface),
        .slot = slot,
    };
}

void
maqet_slots_copy(struct maqet_slots *to, const struct maqet_slots *from)
{
    maqet_slots_clear(to);
    for (size_t i = 0; i < from->count; i++)
        maqet_slots_add(to, from->items[i].drive, from->items[i].interface,
                        from->items[i].slot);
}

const struct maqet_slot_record *
maqet_slots_find(const struct maqet_slots *slots, const char *drive,
                 const char *interface)
{
    for (size_t i = 0; slots && i < slots->count; i++)
        if (strcmp(slots->items[i].drive, drive) == 0 &&
            strcmp(slots->items[i].interface, interface) == 0)
            return &slots->items[i];
    return NULL;
}

bool
maqet_slots_are_distinct(const struct maqet_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        for (size_t j = 0; j < i; j++)
            if (slots->items[i].slot.controller == slots->items[j].slot.controller &&
                slots->items[i].slot.index == slots->items[j].slot.index &&
                strcmp(slots->items[i].interface, slots->items[j].interface) == 0)
                return false;
    return true;
}

void
maqet_slots_of(struct maqet_drive *const *drives, size_t count, struct maqet_slots *slots)
{
    for (size_t i = 0; i < count; i++)
        if (drives[i]->iface)
            maqet_slots_add(slots, drives[i]->name, drives[i]->iface->plugin.name,
                            drives[i]->slot);
}

/* ---- sharing out ---- */

/* One interface, while the drives are gone through. Slots are numbered here: first those
 * of the machine itself, then those of one added controller after another. */
struct bus {
    const char *interface;
    bool *taken;         /* the first slots, as many as there are drives */
    uint64_t first_free; /* all before it are taken */
    int64_t controllers; /* that were emitted */
};

struct sharing {
    struct maqet_drive *const *drives;
    size_t count;
    const struct maqet_slots *kept;
    struct bus *buses;
    size_t bus_count;
};

static void
sharing_clear(struct sharing *sharing)
{
    for (size_t i = 0; i < sharing->bus_count; i++)
        free(sharing->buses[i].taken);
    free(sharing->buses);
}

static uint64_t
number_of(struct maqet_drive_slot slot, const struct maqet_capacity *capacity)
{
    return slot.controller < 0 ? slot.index
                               : capacity->builtin + slot.index +
                                     (uint64_t)slot.controller * capacity->per_controller;
}

static struct maqet_drive_slot
slot_of(uint64_t number, const struct maqet_capacity *capacity)
{
    if (number < capacity->builtin)
        return (struct maqet_drive_slot){-1, (uint32_t)number};
    number -= capacity->builtin;
    return (struct maqet_drive_slot){
        .controller = (int64_t)(number / capacity->per_controller),
        .index = (uint32_t)(number % capacity->per_controller),
    };
}

/* Whether the machine has a slot that was recorded. */
static bool
is_there(struct maqet_drive_slot slot, const struct maqet_capacity *capacity)
{
    return slot.controller < 0 ? slot.index < capacity->builtin
                               : slot.controller < capacity->controllers &&
                                     slot.index < capacity->per_controller;
}

/* The record of a drive that keeps its slot on an interface; NULL: it has none there. */
static const struct maqet_slot_record *
kept_of(const struct maqet_slots *kept, const struct maqet_drive *drive,
        const char *interface, const struct maqet_capacity *capacity)
{
    const struct maqet_slot_record *record =
        drive->iface && strcmp(drive->iface->plugin.name, interface) == 0
            ? maqet_slots_find(kept, drive->name, interface)
            : NULL;

    return record && is_there(record->slot, capacity) ? record : NULL;
}

/* The interface of a drive. The slots that its drives keep are taken from the
 * beginning. */
static struct bus *
bus_of(struct sharing *sharing, const struct maqet_drive *drive,
       const struct maqet_capacity *capacity)
{
    const char *interface = drive->iface->plugin.name;

    for (size_t i = 0; i < sharing->bus_count; i++)
        if (strcmp(sharing->buses[i].interface, interface) == 0)
            return &sharing->buses[i];
    sharing->buses =
        maqet_realloc(sharing->buses, (sharing->bus_count + 1) * sizeof(*sharing->buses));
    struct bus *bus = &sharing->buses[sharing->bus_count++];
    *bus = (struct bus){.interface = interface,
                        .taken = maqet_alloc(sharing->count * sizeof(*bus->taken) + 1)};
    for (size_t i = 0; i < sharing->count; i++) {
        const struct maqet_slot_record *record =
            kept_of(sharing->kept, sharing->drives[i], interface, capacity);
        uint64_t number = record ? number_of(record->slot, capacity) : sharing->count;

        if (number < sharing->count)
            bus->taken[number] = true;
    }
    return bus;
}

/* The slot of a drive: the one that is recorded for it, or the first free one. */
static int
place(struct bus *bus, const struct maqet_slots *kept, struct maqet_drive *drive,
      const struct maqet_capacity *capacity, struct maqet_error **err)
{
    const struct maqet_slot_record *record =
        kept_of(kept, drive, bus->interface, capacity);
    uint64_t most =
        capacity->builtin + (uint64_t)capacity->per_controller * capacity->controllers;

    if (record) {
        drive->slot = record->slot;
        return 0;
    }
    /* There are not more drives than marks, so a free one is found in time. */
    while (bus->taken[bus->first_free])
        bus->first_free++;
    if (bus->first_free >= most)
        return maqet_drive_error(drive, "interface", err, MAQET_ERROR_INVALID,
                                 "too many drives for the interface '%s': %" PRIu64
                                 " fit on the machine type '%s'",
                                 bus->interface, most, drive->machine->type);
    drive->slot = slot_of(bus->first_free, capacity);
    bus->taken[bus->first_free] = true;
    return 0;
}

/* Appends the controllers up to that of a drive: those that have no drive any more, too,
 * as the ones after them would move on their own bus. */
static int
emit_controllers(struct bus *bus, struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    const struct maqet_iface_plugin *iface = &drive->iface->plugin;

    if (!iface->emit_controller && bus->controllers <= drive->slot.controller)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "the plugin '%s' has no emit_controller", iface->name);
    for (; bus->controllers <= drive->slot.controller; bus->controllers++) {
        _cleanup_free_ char *id =
            maqet_format("maqet-%s-%" PRId64, iface->name, bus->controllers);

        if (maqet_drive_judge_args(
                drive, iface->name, "emit_controller", args,
                MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, emit_controller, id, args),
                err) < 0)
            return -1;
    }
    return 0;
}

/* Emits the device of a drive, and the controllers that it is the first to need. */
static int
attach(struct sharing *sharing, struct maqet_drive *drive, struct maqet_args *args,
       struct maqet_error **err)
{
    const struct maqet_iface_plugin *iface = &drive->iface->plugin;
    struct maqet_capacity capacity = {0};

    if (MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, capacity, &capacity) < 0)
        return -1;
    struct bus *bus = bus_of(sharing, drive, &capacity);
    if (place(bus, sharing->kept, drive, &capacity, err) < 0 ||
        emit_controllers(bus, drive, args, err) < 0)
        return -1;
    _cleanup_free_ char *controller =
        drive->slot.controller < 0
            ? NULL
            : maqet_format("maqet-%s-%" PRId64, iface->name, drive->slot.controller);
    const struct maqet_slot slot = {.controller = controller, .index = drive->slot.index};
    return maqet_drive_judge_args(
        drive, iface->name, "emit_device", args,
        MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, emit_device, &slot, args), err);
}

/* What the device is to be attached to. */
static int
emit(struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    if (drive->served) {
        maqet_args_scratch(args, maqet_drive_node(drive), drive->served);
        return 0;
    }
    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    maqet_chain_read(&drive->chain, maqet_drive_node(drive), args);
    return 0;
}

int
maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                  const struct maqet_slots *kept, struct maqet_args *args,
                  struct maqet_error **err)
{
    _cleanup_(sharing_clear) struct sharing sharing = {
        .drives = drives, .count = count, .kept = kept};

    for (size_t i = 0; i < count; i++) {
        struct maqet_drive *drive = drives[i];

        if (emit(drive, args, err) < 0)
            return -1;
        if (drive->iface && attach(&sharing, drive, args, err) < 0)
            return -1;
    }
    return 0;
}
