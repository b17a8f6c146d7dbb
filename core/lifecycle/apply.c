/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/lifecycle/lifecycle.h"
#include "core/machine/command_line.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"

/* Places don't count: a comment more in the file changes nothing. */
static bool
is_same(json_object *a, json_object *b)
{
    return json_object_equal(a, b) == 1;
}

/* A machine that was started by a maqet that recorded no slots has its drives in the order
 * of the list that goes now. That they stay there is worth no failure. */
static void
keep_slots(const struct maqet_context *context, const char *name)
{
    _cleanup_slots_ struct maqet_slots slots = {0};
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_store_started(context, name) ? maqet_vm_open(context, name, NULL) : NULL;

    if (!vm || vm->slots.count > 0 || maqet_vm_command_line(vm, &argv, NULL) < 0)
        return;
    maqet_slots_of(vm->drives, vm->drive_count, &slots);
    maqet_slots_save(context, name, &slots, NULL);
}

/* Replaces the definition of a machine that is there. */
static int
change(const struct maqet_context *context, struct maqet_definition *definition,
       const char **outcome, struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_store_lock(context, definition->name, err);
    _cleanup_definition_ struct maqet_definition *before =
        lock < 0 ? NULL : maqet_store_load(context, definition->name, err);

    if (!before)
        return -1;
    if (is_same(before->tree, definition->tree)) {
        *outcome = "unchanged";
        return 0;
    }
    if (maqet_store_check_pending(context, definition->name, err) < 0)
        return -1;
    keep_slots(context, definition->name);
    *outcome = "changed";
    free(definition->uuid);
    definition->uuid = TAKE_PTR(before->uuid);
    return maqet_store_replace(context, definition, err);
}

int
maqet_vm_apply(const struct maqet_context *context, struct maqet_definition *definition,
               const char **outcome, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);

    if (!vm || maqet_vm_check(vm, err) < 0)
        return -1;
    /* Others may add or remove the machine at the same time: what counts is that it is
     * there in the end as it was described. */
    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (maqet_store_add(context, definition, &reason) == 0) {
            *outcome = "created";
            return 0;
        }
        if (reason->code != MAQET_ERROR_EXISTS)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_error_free(TAKE_PTR(reason));
        if (change(context, definition, outcome, &reason) == 0)
            return 0;
        if (reason->code != MAQET_ERROR_MISSING)
            return maqet_error_move(err, TAKE_PTR(reason));
    }
}
