/* SPDX-License-Identifier: MIT */
#include "core/storage/slots.h"

#include <inttypes.h>
#include <string.h>

#include "core/qemu/ports.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"

/* ---- records ---- */

const struct maqet_fields maqet_slot_record_fields = MAQET_FIELDS_OF(
    struct maqet_slot_record, {"drive", MAQET_FIELD(struct maqet_slot_record, drive)},
    {"interface", MAQET_FIELD(struct maqet_slot_record, interface)},
    {"controller", MAQET_FIELD(struct maqet_slot_record, slot.controller)},
    {"index", MAQET_FIELD(struct maqet_slot_record, slot.index)});

void
maqet_slots_clear(struct maqet_slots *slots)
{
    maqet_fields_list_free(&maqet_slot_record_fields, slots->items, slots->count);
    maqet_strings_clear(&slots->pci);
    maqet_strings_clear(&slots->ports);
    maqet_slots_clear_addresses(slots);
    *slots = (struct maqet_slots){0};
}

void
maqet_slots_clear_addresses(struct maqet_slots *slots)
{
    maqet_fields_list_free(&maqet_address_fields, slots->addresses, slots->address_count);
    slots->addresses = NULL;
    slots->address_count = 0;
}

void
maqet_slots_remove(struct maqet_slots *slots, const char *drive)
{
    struct maqet_slots kept = {0};

    for (size_t i = 0; i < slots->count; i++)
        if (strcmp(slots->items[i].drive, drive) != 0)
            maqet_slots_add(&kept, slots->items[i].drive, slots->items[i].interface,
                            slots->items[i].slot);
    maqet_fields_list_free(&maqet_slot_record_fields, slots->items, slots->count);
    slots->items = kept.items;
    slots->count = kept.count;
}

void
maqet_slots_add(struct maqet_slots *slots, const char *drive, const char *interface,
                struct maqet_drive_slot slot)
{
    *MAQET_APPEND(slots->items, slots->count) = (struct maqet_slot_record){
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
    maqet_strings_add_all(&to->pci, &from->pci);
    maqet_strings_add_all(&to->ports, &from->ports);
    for (size_t i = 0; i < from->address_count; i++)
        maqet_fields_copy(&maqet_address_fields, &from->addresses[i],
                          MAQET_APPEND(to->addresses, to->address_count), NULL);
    to->exact = from->exact;
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

/* ---- assignment ---- */

/* Slots are numbered here: first those of the machine itself, then those of one added
 * controller after another. */
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

/* The drives, and the record of each (NULL: none), which is looked up once. */
struct placing {
    struct maqet_drive *const *drives;
    const struct maqet_slot_record **records;
    size_t count;
};

static bool
is_on_same_bus(const struct maqet_drive *one, const struct maqet_drive *other)
{
    return one->iface && other->iface &&
           strcmp(one->iface->plugin.name, other->iface->plugin.name) == 0;
}

/* The recorded slot; NULL: there is none, or the machine no longer has it. */
static const struct maqet_drive_slot *
kept_slot(const struct maqet_slot_record *record, const struct maqet_capacity *capacity)
{
    if (!record)
        return NULL;
    const struct maqet_drive_slot *slot = &record->slot;
    bool exists = slot->controller < 0 ? slot->index < capacity->builtin
                                       : slot->controller < capacity->controllers &&
                                             slot->index < capacity->per_controller;
    return exists ? slot : NULL;
}

/* The first slot that no drive before this one has, and that none after it keeps. */
static uint64_t
first_free(const struct placing *placing, size_t index,
           const struct maqet_capacity *capacity)
{
    struct maqet_drive *const *drives = placing->drives;
    size_t count = placing->count;
    /* There are fewer other drives than marks, so one slot among them is free. */
    _cleanup_free_ bool *taken = maqet_alloc(count * sizeof(*taken));
    uint64_t free_slot = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == index || !is_on_same_bus(drives[i], drives[index]))
            continue;
        const struct maqet_drive_slot *slot =
            i < index ? &drives[i]->slot : kept_slot(placing->records[i], capacity);
        if (slot && number_of(*slot, capacity) < count)
            taken[number_of(*slot, capacity)] = true;
    }
    while (taken[free_slot])
        free_slot++;
    return free_slot;
}

/* Lowers the number of drives, or of controllers, to that of the addresses that they can
 * have on the machine's PCI bus. */
static void
lower_to_addresses(const struct maqet_drive *drive, struct maqet_capacity *capacity)
{
    uint32_t *places =
        capacity->per_controller > 0 ? &capacity->controllers : &capacity->builtin;
    uint32_t most = drive->machine->addresses;

    if (most > 0 && *places > most && (drive->iface->plugin.flags & MAQET_IFACE_PCI))
        *places = most;
}

/* Gives a drive the slot that is recorded for it, or the first free one. */
static int
place(const struct placing *placing, size_t index, struct maqet_error **err)
{
    struct maqet_drive *drive = placing->drives[index];
    struct maqet_capacity capacity = {0};

    if (MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, capacity, &capacity) < 0)
        return -1;
    lower_to_addresses(drive, &capacity);
    const struct maqet_drive_slot *slot = kept_slot(placing->records[index], &capacity);
    if (slot) {
        drive->slot = *slot;
        return 0;
    }
    uint64_t most =
        capacity.builtin + (uint64_t)capacity.per_controller * capacity.controllers;
    uint64_t number = first_free(placing, index, &capacity);
    if (number >= most)
        return maqet_drive_error(drive, "interface", err, MAQET_ERROR_INVALID,
                                 "too many drives for the interface '%s': %" PRIu64
                                 " fit on the machine type '%s'",
                                 drive->iface->plugin.name, most, drive->machine->type);
    drive->slot = slot_of(number, &capacity);
    return 0;
}

/* The caller frees. */
static char *
controller_id(const struct maqet_drive *drive, int64_t controller)
{
    return maqet_format("maqet-%s-%" PRId64, drive->iface->plugin.name, controller);
}

/* Appends the controllers up to that of a drive that none of the others needs. Those
 * without a drive are there, too, because the others would move on their own bus. */
static int
emit_controllers(struct maqet_drive *drive, struct maqet_drive *const *others,
                 size_t count, struct maqet_args *args, struct maqet_error **err)
{
    const struct maqet_iface_plugin *iface = &drive->iface->plugin;
    int64_t next = 0;

    for (size_t i = 0; i < count; i++)
        if (others[i] != drive && is_on_same_bus(others[i], drive) &&
            others[i]->slot.controller >= next)
            next = others[i]->slot.controller + 1;
    if (!iface->emit_controller && next <= drive->slot.controller)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "the plugin '%s' has no emit_controller", iface->name);
    for (; next <= drive->slot.controller; next++) {
        _cleanup_free_ char *id = controller_id(drive, next);

        if (maqet_drive_judge_args(
                drive, iface->name, "emit_controller", args,
                MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, emit_controller, id, args),
                err) < 0)
            return -1;
    }
    return 0;
}

static int
emit_device(const struct maqet_drive *drive, struct maqet_args *args,
            struct maqet_error **err)
{
    _cleanup_free_ char *controller =
        drive->slot.controller < 0 ? NULL : controller_id(drive, drive->slot.controller);
    const struct maqet_slot slot = {.controller = controller, .index = drive->slot.index};

    return maqet_drive_judge_args(
        drive, drive->iface->plugin.name, "emit_device", args,
        MAQET_IFACE_CALL(err, drive, MAQET_CALL_QUICK, emit_device, &slot, args), err);
}

/* Appends what the device is attached to. */
static int
emit_storage(struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    if (drive->shown) {
        maqet_args_scratch(args, maqet_drive_node(drive), drive->shown);
        return 0;
    }
    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    maqet_chain_read(&drive->chain, drive->name, args);
    for (size_t i = 0; drive->overlays && i < drive->chain.depth; i++)
        maqet_node_look(&drive->chain.nodes[i]);
    return 0;
}

/* Emits one drive, whose slot is known. What its plugins append takes addresses if they
 * say so. @others: the drives before it, whose controllers are there. */
static int
emit_drive(struct maqet_drive *drive, struct maqet_drive *const *others, size_t count,
           struct maqet_args *args, struct maqet_error **err)
{
    uint32_t storage = drive->storage->plugin.flags;
    uint32_t iface = drive->iface ? drive->iface->plugin.flags : 0;
    size_t first = args->count;

    if (emit_storage(drive, args, err) < 0)
        return -1;
    if (storage & MAQET_STORAGE_PCI)
        maqet_addresses_mark(args, first, storage & MAQET_STORAGE_HOTPLUG);
    if (!drive->iface)
        return 0;
    first = args->count;
    if (emit_controllers(drive, others, count, args, err) < 0)
        return -1;
    if (iface & MAQET_IFACE_PCI)
        maqet_addresses_mark(args, first, iface & MAQET_IFACE_HOTPLUG_CONTROLLER);
    first = args->count;
    if (emit_device(drive, args, err) < 0)
        return -1;
    if (iface & MAQET_IFACE_PCI)
        maqet_addresses_mark(args, first, iface & MAQET_IFACE_HOTPLUG);
    return 0;
}

/* The caller frees the records. */
static struct placing
look_up(struct maqet_drive *const *drives, size_t count, const struct maqet_slots *kept)
{
    const struct placing placing = {
        drives, maqet_alloc((count + 1) * sizeof(*placing.records)), count};

    for (size_t i = 0; i < count; i++)
        if (drives[i]->iface)
            placing.records[i] =
                maqet_slots_find(kept, drives[i]->name, drives[i]->iface->plugin.name);
    return placing;
}

/* ---- addresses ---- */

/* Gives all devices their places, and records them. */
static void
assign_addresses(const struct maqet_machine *machine, const struct maqet_slots *kept,
                 struct maqet_args *args, struct maqet_slots *now)
{
    const struct maqet_ports ports = {.before = &kept->ports,
                                      .rooted = &kept->pci,
                                      .free = machine->hotplug_slots,
                                      .exact = kept->exact,
                                      .machine_type = machine->type};

    maqet_ports_assign(args, &ports, &now->ports);
    if (!kept->exact) {
        maqet_addresses_keep(args, &kept->pci, machine->type, &now->pci);
        return;
    }
    maqet_addresses_fix(args, kept->addresses, kept->address_count, machine->type);
    maqet_strings_add_all(&now->pci, &kept->pci);
    for (size_t i = 0; i < kept->address_count; i++)
        maqet_fields_copy(&maqet_address_fields, &kept->addresses[i],
                          MAQET_APPEND(now->addresses, now->address_count), NULL);
}

int
maqet_machine_emit(const struct maqet_machine *machine, struct maqet_drive *const *drives,
                   size_t count, const struct maqet_slots *kept, struct maqet_args *args,
                   struct maqet_slots *placed, struct maqet_error **err)
{
    static const struct maqet_slots none;
    const struct placing placing = look_up(drives, count, kept);
    _cleanup_free_ const struct maqet_slot_record **records = placing.records;
    _cleanup_slots_ struct maqet_slots now = {0};

    for (size_t i = 0; i < count; i++) {
        if ((drives[i]->iface && place(&placing, i, err) < 0) ||
            emit_drive(drives[i], drives, i, args, err) < 0)
            return -1;
        if (drives[i]->iface)
            maqet_slots_add(&now, drives[i]->name, drives[i]->iface->plugin.name,
                            drives[i]->slot);
    }
    assign_addresses(machine, kept ? kept : &none, args, &now);
    if (placed)
        maqet_slots_copy(placed, &now);
    return 0;
}

int
maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                  const struct maqet_slots *kept, struct maqet_args *args,
                  struct maqet_slots *placed, struct maqet_error **err)
{
    return count == 0 ? 0
                      : maqet_machine_emit(drives[0]->machine, drives, count, kept, args,
                                           placed, err);
}

int
maqet_drives_emit_one(struct maqet_drive *const *drives, size_t count, size_t index,
                      const struct maqet_slots *kept, struct maqet_args *args,
                      struct maqet_error **err)
{
    const struct placing placing = look_up(drives, count, kept);
    _cleanup_free_ const struct maqet_slot_record **records = placing.records;

    for (size_t i = 0; i < count; i++)
        if (drives[i]->iface && place(&placing, i, err) < 0)
            return -1;
    if (emit_drive(drives[index], drives, count, args, err) < 0)
        return -1;
    maqet_args_objects_first(args);
    return 0;
}
