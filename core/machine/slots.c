/* SPDX-License-Identifier: MIT */
#include "core/machine/slots.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"

enum { FORMAT = 1 };

struct slots_file {
    int format;
    struct maqet_slots slots;
};

static const struct maqet_fields file_fields =
    MAQET_FIELDS_OF(struct slots_file, {"format", MAQET_FIELD(struct slots_file, format)},
                    {"pci", MAQET_FIELD(struct slots_file, slots.pci), .optional = true},
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
