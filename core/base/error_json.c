/* SPDX-License-Identifier: MIT */
#include "core/base/error_json.h"

#include "core/base/json.h"

static json_object *
hint_to_json(const struct maqet_hint *hint)
{
    json_object *object = json_object_new_object(), *operands = json_object_new_array();

    json_object_object_add(object, "next", json_object_new_int((int)hint->next));
    for (size_t i = 0; i < hint->operands.count; i++)
        json_object_array_add(operands, json_object_new_string(hint->operands.items[i]));
    json_object_object_add(object, "operands", operands);
    return object;
}

json_object *
maqet_error_to_json(const struct maqet_error *error)
{
    json_object *object = json_object_new_object(), *hints = json_object_new_array();

    json_object_object_add(object, "code", json_object_new_int((int)error->code));
    json_object_object_add(object, "message", json_object_new_string(error->message));
    if (error->remark)
        json_object_object_add(object, "remark", json_object_new_string(error->remark));
    for (size_t i = 0; i < error->hints.count; i++)
        json_object_array_add(hints, hint_to_json(&error->hints.items[i]));
    json_object_object_add(object, "hints", hints);
    json_object_object_add(object, "silent", json_object_new_boolean(error->silent));
    return object;
}

static void
add_hint(struct maqet_error *error, json_object *object)
{
    int64_t next = maqet_json_int(object, "next");
    struct maqet_hint *hint;

    if (next < 0 || next >= MAQET_NEXT_COUNT)
        return;
    hint = maqet_hints_add(&error->hints, (enum maqet_next)next);
    maqet_json_texts(json_object_object_get(object, "operands"), &hint->operands);
}

int
maqet_error_from_json(json_object *object, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    const char *message = maqet_json_text(object, "message");
    const char *remark = maqet_json_text(object, "remark");

    if (!message)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "a process failed without saying why");
    maqet_error_set(&error, (enum maqet_error_code)maqet_json_int(object, "code"), "%s",
                    message);
    if (remark)
        maqet_error_remark(&error, "%s", remark);
    json_object *hints = json_object_object_get(object, "hints");
    for (size_t i = 0; json_object_is_type(hints, json_type_array) &&
                       i < json_object_array_length(hints);
         i++)
        add_hint(error, json_object_array_get_idx(hints, i));
    error->silent = json_object_get_boolean(json_object_object_get(object, "silent"));
    return maqet_error_move(err, error);
}
