/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/list.h"

#include "core/base/json.h"
#include "core/job/interrupted.h"
#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"

static int
by_date(const void *a, const void *b)
{
    json_object *const *first = a, *const *second = b;
    int64_t one = maqet_json_int(*first, "date"), other = maqet_json_int(*second, "date");

    return (one > other) - (one < other);
}

json_object *
maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                      struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_look(context, vm, err);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *list = json_object_new_array();

    if (!session)
        return NULL;
    maqet_interrupted_warn(session->job);
    if (maqet_state_file_list(context, session->machine->name, &names, err) < 0)
        return NULL;
    for (size_t i = 0; i < names.count; i++) {
        json_object *about =
            maqet_state_file_about(context, session->machine->name, names.items[i], err);

        if (!about)
            return NULL;
        json_object_object_add(about, "name", json_object_new_string(names.items[i]));
        json_object_array_add(list, about);
    }
    json_object_array_sort(list, by_date);
    return TAKE_PTR(list);
}
