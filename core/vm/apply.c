/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/vm/lifecycle.h"
#include "core/vm/store.h"

/* Places don't count: a comment more in the file changes nothing. */
static bool
is_same(json_object *a, json_object *b)
{
    return json_object_equal(a, b) == 1;
}

int
maqet_vm_apply(const struct maqet_context *context, struct maqet_definition *definition,
               const char **change, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (!vm || maqet_vm_check(vm, err) < 0 || maqet_store_list(context, &names, err) < 0)
        return -1;
    if (!maqet_strings_has(&names, definition->name)) {
        *change = "created";
        return maqet_store_add(context, definition, err);
    }
    _cleanup_close_ int lock = maqet_store_lock(context, definition->name, err);
    if (lock < 0)
        return -1;
    _cleanup_definition_ struct maqet_definition *before =
        maqet_store_load(context, definition->name, err);
    if (!before)
        return -1;
    if (is_same(before->tree, definition->tree)) {
        *change = "unchanged";
        return 0;
    }
    *change = "changed";
    free(definition->uuid);
    definition->uuid = TAKE_PTR(before->uuid);
    return maqet_store_replace(context, definition, err);
}
