/* SPDX-License-Identifier: MIT */
#include "core/qemu/addresses.h"

#include <string.h>

#include "core/base/json.h"

/* Of the bridges, so that they differ from those that users number from 0 or 1. */
enum { CHASSIS_FIRST = 128, CHASSIS_LAST = 255 };

const struct maqet_fields maqet_address_fields = MAQET_FIELDS_OF(
    struct maqet_address, {"device", MAQET_FIELD(struct maqet_address, device)},
    {"bus", MAQET_FIELD(struct maqet_address, bus)},
    {"address", MAQET_FIELD(struct maqet_address, address)});

void
maqet_addresses_mark(struct maqet_args *args, size_t from, bool hot)
{
    for (size_t i = from; i < args->count; i++) {
        struct maqet_props *props = args->objects[i];

        props->takes_address = props->kind == &maqet_kind_device && *props->id &&
                               !maqet_json_text(props->json, "bus");
        props->hot = hot;
    }
}

struct maqet_props *
maqet_addresses_find(const struct maqet_args *args, const char *id)
{
    for (size_t i = 0; i < args->count; i++)
        if (args->objects[i]->takes_address && strcmp(args->objects[i]->id, id) == 0)
            return args->objects[i];
    return NULL;
}

/* The place of the first recorded device that has gone; the number of all: none has. */
static size_t
first_gone(const struct maqet_args *args, const struct maqet_strings *ids)
{
    size_t i = 0;

    while (i < ids->count && maqet_addresses_find(args, ids->items[i]))
        i++;
    return i;
}

static void
add_new_devices(const struct maqet_args *args, struct maqet_strings *ids)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (!props->takes_address || maqet_strings_has(ids, props->id))
            continue;
        size_t place = first_gone(args, ids);
        if (place == ids->count) {
            maqet_strings_add(ids, props->id);
            continue;
        }
        free(ids->items[place]);
        ids->items[place] = maqet_strdup(props->id);
    }
}

bool
maqet_addresses_express(const char *machine_type)
{
    return strstr(machine_type, "q35") || strncmp(machine_type, "virt", 4) == 0;
}

static struct maqet_props *
add_bridge(struct maqet_args *args, const char *machine_type, const char *id,
           size_t place)
{
    bool express = maqet_addresses_express(machine_type);
    struct maqet_props *bridge = maqet_args_append(
        args, &maqet_kind_device, express ? "pcie-root-port" : "pci-bridge", id);

    maqet_props_int(bridge, express ? "chassis" : "chassis_nr",
                    CHASSIS_FIRST + (int64_t)place % (CHASSIS_LAST - CHASSIS_FIRST + 1));
    if (!express)
        maqet_props_bool(bridge, "shpc", false);
    bridge->takes_address = true;
    return bridge;
}

static size_t
append_objects(struct maqet_props **to, size_t count, struct maqet_props *const *from,
               size_t from_count, bool devices)
{
    for (size_t i = 0; i < from_count; i++)
        if (!from[i]->takes_address && (from[i]->kind == &maqet_kind_device) == devices)
            to[count++] = from[i];
    return count;
}

/* What the devices need comes before them, and what is attached to one of them behind. */
static void
order_objects(struct maqet_args *args, struct maqet_props *const *devices,
              size_t device_count)
{
    struct maqet_props **ordered =
        maqet_alloc(args->count * sizeof(struct maqet_props *) + 1);
    size_t count = append_objects(ordered, 0, args->objects, args->count, false);

    for (size_t i = 0; i < device_count; i++)
        ordered[count++] = devices[i];
    append_objects(ordered, count, args->objects, args->count, true);
    free(args->objects);
    args->objects = ordered;
}

/* Whether the devices have these addresses in the order in which they were appended. */
static bool
is_in_order(const struct maqet_args *args, const struct maqet_strings *ids)
{
    size_t place = 0;

    for (size_t i = 0; i < args->count; i++)
        if (args->objects[i]->takes_address &&
            strcmp(args->objects[i]->id, ids->items[place++]) != 0)
            return false;
    return place == ids->count;
}

void
maqet_addresses_keep(struct maqet_args *args, const struct maqet_strings *before,
                     const char *machine_type, struct maqet_strings *now)
{
    for (size_t i = 0; i < before->count; i++)
        if (!maqet_strings_has(now, before->items[i]))
            maqet_strings_add(now, before->items[i]);
    add_new_devices(args, now);
    /* An address behind those of all others need not be kept. */
    while (now->count > 0 && !maqet_addresses_find(args, now->items[now->count - 1]))
        maqet_strings_cut(now, now->count - 1);
    if (is_in_order(args, now))
        return;
    _cleanup_free_ struct maqet_props **devices =
        maqet_alloc(now->count * sizeof(struct maqet_props *));
    for (size_t i = 0; i < now->count; i++) {
        devices[i] = maqet_addresses_find(args, now->items[i]);
        if (devices[i])
            continue;
        _cleanup_free_ char *id = maqet_format(MAQET_ADDRESSES_VACANT "%zu", i);
        devices[i] = add_bridge(args, machine_type, id, i);
    }
    order_objects(args, devices, now->count);
}

/* Addresses ascend in the order of the record, so the first free one is that of the first
 * device that has gone since the start. A device that had gone before has a bridge. */
void
maqet_addresses_note(struct maqet_strings *pci, const char *device,
                     const struct maqet_plugged *plugged)
{
    if (maqet_strings_has(pci, device))
        return;
    for (size_t i = 0; i < pci->count; i++) {
        _cleanup_free_ char *bridge = maqet_format(MAQET_ADDRESSES_VACANT "%zu", i);

        if (maqet_plugged_has(plugged, &maqet_kind_device, pci->items[i]) ||
            maqet_plugged_has(plugged, &maqet_kind_device, bridge))
            continue;
        free(pci->items[i]);
        pci->items[i] = maqet_strdup(device);
        return;
    }
    maqet_strings_add(pci, device);
}

/* ---- exact addresses ---- */

void
maqet_addresses_to_front(struct maqet_args *args, size_t from)
{
    size_t moved = args->count - from;
    struct maqet_props **ordered =
        maqet_alloc(args->count * sizeof(struct maqet_props *) + 1);

    for (size_t i = 0; i < args->count; i++)
        ordered[i] = args->objects[i < moved ? from + i : i - moved];
    free(args->objects);
    args->objects = ordered;
}

static void
fix(struct maqet_props *device, const struct maqet_address *address)
{
    _cleanup_free_ char *where = maqet_format("%x.%x", (unsigned)address->address / 8,
                                              (unsigned)address->address % 8);

    maqet_props_string(device, "bus", address->bus);
    maqet_props_string(device, "addr", where);
    device->takes_address = false;
}

void
maqet_addresses_fix(struct maqet_args *args, const struct maqet_address *addresses,
                    size_t count, const char *machine_type)
{
    size_t before = args->count;

    for (size_t i = 0; i < count; i++) {
        const char *id = addresses[i].device;
        struct maqet_props *device = maqet_addresses_find(args, id);

        if (!device && maqet_text_starts(id, MAQET_ADDRESSES_VACANT))
            device = add_bridge(args, machine_type, id,
                                strtoul(id + strlen(MAQET_ADDRESSES_VACANT), NULL, 10));
        if (device)
            fix(device, &addresses[i]);
    }
    maqet_addresses_to_front(args, before);
}
