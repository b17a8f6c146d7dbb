/* SPDX-License-Identifier: MIT */
#include "core/machine/slots.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"
#include "core/qemu/ports.h"

enum { FORMAT = 1 };

struct slots_file {
    int format;
    struct maqet_slots slots;
};

static const struct maqet_fields file_fields =
    MAQET_FIELDS_OF(struct slots_file, {"format", MAQET_FIELD(struct slots_file, format)},
                    MAQET_SLOTS_ROWS(struct slots_file),
                    {"slots", MAQET_FIELD_LIST(struct slots_file, slots.items,
                                               slots.count, &maqet_slot_record_fields)});

int
maqet_slots_load(const struct maqet_context *context, const char *name,
                 struct maqet_slots *slots, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_SLOTS);
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *file = maqet_json_read(path, &reason);
    struct slots_file contents = {0};

    maqet_slots_clear(slots);
    if (!file)
        return reason->code == MAQET_ERROR_MISSING
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    if (maqet_fields_from_json(&file_fields, file, &contents, &reason) == 0 &&
        contents.format == FORMAT && maqet_slots_are_distinct(&contents.slots)) {
        *slots = contents.slots;
        return 0;
    }
    maqet_fields_clear(&file_fields, &contents);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later version of maqet", path);
    maqet_error_hint(err,
                     "Move it away to go on without: the drives of VM '%s' then get "
                     "their slots in the order of its list",
                     name);
    return -1;
}

int
maqet_slots_save(const struct maqet_context *context, const char *name,
                 const struct maqet_slots *slots, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_SLOTS);
    const struct slots_file contents = {FORMAT, *slots};
    _cleanup_json_ json_object *file = maqet_fields_to_json(&file_fields, &contents);
    _cleanup_json_ json_object *before = maqet_json_read(path, NULL);

    if (before ? json_object_equal(before, file) == 1
               : slots->count + slots->pci.count == 0)
        return 0;
    return maqet_json_write(path, file, err);
}

/* ---- a machine that runs ---- */

/* Whether the place of a device is recorded: it is a drive's, or one of ours. */
static bool
is_placed(const struct maqet_slots *slots, const char *device, const char *bus)
{
    return maqet_text_starts(bus, MAQET_PORTS_PREFIX) ||
           maqet_text_starts(device, "maqet-") || maqet_strings_has(&slots->pci, device);
}

static int
observe_device(struct maqet_qmp *qmp, int64_t timeout, const char *device,
               struct maqet_slots *slots, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *bus = NULL;
    int64_t address;

    if (maqet_plugged_place(qmp, timeout, device, &bus, &address, &reason) < 0)
        /* Devices on other buses, such as those of controllers, have no such address. */
        return reason->refused || reason->code == MAQET_ERROR_MISSING
                   ? 0
                   : maqet_error_move(err, TAKE_PTR(reason));
    if (!is_placed(slots, device, bus))
        return 0;
    maqet_ports_note(&slots->ports, bus, device);
    *MAQET_APPEND(slots->addresses, slots->address_count) = (struct maqet_address){
        .device = maqet_strdup(device), .bus = TAKE_PTR(bus), .address = address};
    return 0;
}

int
maqet_slots_observe(struct maqet_qmp *qmp, int64_t timeout,
                    const struct maqet_plugged *plugged, const struct maqet_args *args,
                    const char *machine_type, struct maqet_slots *slots,
                    struct maqet_error **err)
{
    if (!maqet_addresses_express(machine_type))
        for (size_t i = 0; i < args->count; i++)
            if (args->objects[i]->takes_address)
                maqet_addresses_note(&slots->pci, args->objects[i]->id, plugged);
    maqet_slots_clear_addresses(slots);
    maqet_ports_clear(&slots->ports);
    for (size_t i = 0; i < plugged->devices.count; i++)
        if (observe_device(qmp, timeout, plugged->devices.items[i], slots, err) < 0)
            return -1;
    return 0;
}
