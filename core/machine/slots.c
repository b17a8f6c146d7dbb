/* SPDX-License-Identifier: MIT */
/*
 * slots.c - {"format": 1, "slots": [{"drive": …, "interface": …, "controller": …,
 * "index": …}]}; without "controller" it is the machine's own.
 */
#include "core/machine/slots.h"

#include <errno.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"

enum { FORMAT = 1 };

json_object *
maqet_slots_json(const struct maqet_slots *slots)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < slots->count; i++) {
        const struct maqet_slot_record *record = &slots->items[i];
        json_object *object = json_object_new_object();

        json_object_object_add(object, "drive", json_object_new_string(record->drive));
        json_object_object_add(object, "interface",
                               json_object_new_string(record->interface));
        if (record->slot.controller >= 0)
            json_object_object_add(object, "controller",
                                   json_object_new_int64(record->slot.controller));
        json_object_object_add(object, "index",
                               json_object_new_int64(record->slot.index));
        json_object_array_add(list, object);
    }
    return list;
}

/* Whether another drive has the slot already. */
static bool
is_taken(const struct maqet_slots *slots, const char *interface,
         struct maqet_drive_slot slot)
{
    for (size_t i = 0; i < slots->count; i++)
        if (slots->items[i].slot.controller == slot.controller &&
            slots->items[i].slot.index == slot.index &&
            strcmp(slots->items[i].interface, interface) == 0)
            return true;
    return false;
}

bool
maqet_slots_of_json(json_object *list, struct maqet_slots *slots)
{
    maqet_slots_clear(slots);
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *object = json_object_array_get_idx(list, i);
        const char *drive = maqet_json_text(object, "drive");
        const char *interface = maqet_json_text(object, "interface");
        int64_t index = maqet_json_int(object, "index");
        struct maqet_drive_slot slot = {.controller = -1, .index = (uint32_t)index};

        if (json_object_object_get_ex(object, "controller", NULL))
            slot.controller = maqet_json_int(object, "controller");
        if (!drive || !interface || index < 0 || index > UINT32_MAX ||
            !json_object_object_get_ex(object, "index", NULL) || slot.controller < -1 ||
            slot.controller > UINT32_MAX || is_taken(slots, interface, slot)) {
            maqet_slots_clear(slots);
            return false;
        }
        maqet_slots_add(slots, drive, interface, slot);
    }
    return true;
}

static json_object *
read_file(const char *path, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    json_object *file = maqet_json_read(path, &reason);

    if (!file && reason->code != MAQET_ERROR_MISSING)
        maqet_error_move(err, TAKE_PTR(reason));
    return file;
}

int
maqet_slots_load(const struct maqet_context *context, const char *name,
                 struct maqet_slots *slots, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_SLOTS);
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *file = read_file(path, &reason);

    maqet_slots_clear(slots);
    if (reason)
        return maqet_error_move(err, TAKE_PTR(reason));
    if (!file || (maqet_json_int(file, "format") == FORMAT &&
                  maqet_slots_of_json(json_object_object_get(file, "slots"), slots)))
        return 0;
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later maqet", path);
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
    _cleanup_json_ json_object *file = json_object_new_object();
    _cleanup_json_ json_object *before = maqet_json_read(path, NULL);

    json_object_object_add(file, "format", json_object_new_int(FORMAT));
    json_object_object_add(file, "slots", maqet_slots_json(slots));
    if (before && json_object_equal(before, file) == 1)
        return 0;
    return slots->count > 0 || before ? maqet_json_write(path, file, err) : 0;
}
