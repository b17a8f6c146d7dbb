/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/apply.h"

#include <string.h>

#include "core/lifecycle/addable.h"
#include "core/machine/command_line.h"
#include "core/machine/opened.h"
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

/* Replaces the definition of a machine that is there, and locked. */
static int
change(const struct maqet_opened *machine, struct maqet_definition *definition,
       const char **outcome, struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *before =
        maqet_store_load(machine->context, machine->name, err);

    if (!before)
        return -1;
    if (is_same(before->tree, definition->tree)) {
        *outcome = "unchanged";
        return 0;
    }
    keep_slots(machine->context, machine->name);
    *outcome = "changed";
    free(definition->uuid);
    definition->uuid = TAKE_PTR(before->uuid);
    return maqet_store_replace(machine->context, definition, err);
}

static bool
is_there(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *found = maqet_store_resolve(context, name, NULL);

    return found;
}

int
maqet_vm_apply(const struct maqet_context *context, struct maqet_definition *definition,
               const char **outcome, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);

    if (!vm)
        return -1;
    /* Others may add or remove the machine at the same time: what counts is that it is
     * there in the end as it was described. */
    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_opened_ struct maqet_opened *machine =
            is_there(context, definition->name)
                ? maqet_open(context, definition->name, MAQET_OPEN_LOCK, &reason)
                : NULL;

        if (reason && is_there(context, definition->name))
            return maqet_error_move(err, TAKE_PTR(reason));
        if (maqet_vm_check(vm, err) < 0)
            return -1;
        if (machine)
            return change(machine, definition, outcome, err);
        maqet_error_clear(&reason);
        if (maqet_store_add(context, definition, &reason) == 0) {
            *outcome = "created";
            return 0;
        }
        if (reason->code != MAQET_ERROR_EXISTS)
            return maqet_error_move(err, TAKE_PTR(reason));
    }
}
