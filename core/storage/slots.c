/* SPDX-License-Identifier: MIT */
#include "core/storage/slots.h"

#include <inttypes.h>
#include <string.h>

#include "core/qemu/objects.h"
#include "core/storage/callback.h"

void
maqet_capacity_builtin(struct maqet_capacity *capacity, uint32_t drives)
{
    capacity->builtin = drives;
}

void
maqet_capacity_controllers(struct maqet_capacity *capacity, uint32_t controllers,
                           uint32_t drives)
{
    /* Without places a controller is of no use. */
    capacity->controllers = drives ? controllers : 0;
    capacity->per_controller = drives;
}

const char *
maqet_slot_controller(const struct maqet_slot *slot)
{
    return slot->controller;
}

uint32_t
maqet_slot_index(const struct maqet_slot *slot)
{
    return slot->index;
}

/* How many drives before this one are on the same interface. */
static uint32_t
place_on_interface(struct maqet_drive *const *drives, size_t index)
{
    uint32_t before = 0;

    for (size_t i = 0; i < index; i++)
        if (drives[i]->iface &&
            strcmp(drives[i]->iface->plugin.name, drives[index]->iface->plugin.name) == 0)
            before++;
    return before;
}

/* Emits the device of a drive that is the @number-th on its interface, and the controller
 * that it is the first to need. */
static int
attach(struct maqet_drive *drive, uint32_t number, struct maqet_args *args,
       struct maqet_error **err)
{
    const struct maqet_iface_plugin *iface = &drive->iface->plugin;
    struct maqet_capacity capacity = {0};
    struct maqet_slot slot = {.index = number};
    _cleanup_free_ char *controller = NULL;

    if (maqet_iface_capacity(drive, &capacity, err) < 0)
        return -1;
    uint64_t most =
        capacity.builtin + (uint64_t)capacity.per_controller * capacity.controllers;
    if (number >= most)
        return maqet_drive_error(drive, "interface", err, MAQET_ERROR_INVALID,
                                 "too many drives for the interface '%s': %" PRIu64
                                 " fit on the machine type '%s'",
                                 iface->name, most, drive->machine->type);
    if (number >= capacity.builtin) {
        uint32_t added = number - capacity.builtin;

        controller = maqet_format("maqet-%s-%" PRIu32, iface->name,
                                  added / capacity.per_controller);
        slot.controller = controller;
        slot.index = added % capacity.per_controller;
        if (slot.index == 0 &&
            maqet_iface_emit_controller(drive, controller, args, err) < 0)
            return -1;
    }
    return maqet_iface_emit_device(drive, &slot, args, err);
}

/* What the device is to be attached to. */
static int
emit(struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    if (drive->served) {
        maqet_args_scratch(args, drive->name, drive->served);
        return 0;
    }
    return maqet_storage_emit_args(drive, args, err);
}

int
maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                  struct maqet_args *args, struct maqet_error **err)
{
    for (size_t i = 0; i < count; i++) {
        struct maqet_drive *drive = drives[i];

        if (emit(drive, args, err) < 0)
            return -1;
        if (drive->iface && attach(drive, place_on_interface(drives, i), args, err) < 0)
            return -1;
    }
    return 0;
}
