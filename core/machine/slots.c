/* SPDX-License-Identifier: MIT */
#include "core/machine/slots.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"

enum { FORMAT = 1 };

static const struct maqet_field record_rows[] = {
    {"drive", MAQET_FIELD(struct maqet_slot_record, drive)},
    {"interface", MAQET_FIELD(struct maqet_slot_record, interface)},
    {"controller", MAQET_FIELD(struct maqet_slot_record, slot.controller)},
    {"index", MAQET_FIELD(struct maqet_slot_record, slot.index)},
    {0},
};
const struct maqet_fields maqet_slot_record_fields =
    MAQET_FIELDS(struct maqet_slot_record, record_rows);

struct slots_file {
    int format;
    struct maqet_slots slots;
};

static const struct maqet_field file_rows[] = {
    {"format", MAQET_FIELD(struct slots_file, format)},
    {"slots", MAQET_FIELD_LIST(struct slots_file, slots.items, slots.count,
                               &maqet_slot_record_fields)},
    {0},
};
static const struct maqet_fields file_fields = MAQET_FIELDS(struct slots_file, file_rows);

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

    if (before ? json_object_equal(before, file) == 1 : slots->count == 0)
        return 0;
    return maqet_json_write(path, file, err);
}
