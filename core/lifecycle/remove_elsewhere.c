/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/remove_elsewhere.h"

#include <string.h>

#include "core/machine/others.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/record.h"

/* Whether two drives have the same storage. */
static bool
is_same_storage(const struct maqet_drive *one, const struct maqet_drive *other)
{
    if (strcmp(one->storage->plugin.name, other->storage->plugin.name) != 0 ||
        maqet_drive_is_unknown(other))
        return false;
    _cleanup_free_ char *place = maqet_drive_place(one);
    _cleanup_free_ char *other_place = maqet_drive_place(other);
    return strcmp(place, other_place) == 0;
}

/* That a machine uses the storage of a drive, or may use it, as a phrase; NULL: it does not.
 * The caller frees. */
static char *
need_of_machine(const struct maqet_context *context, const char *name,
                const struct maqet_drive *drive)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(context, name, &reason);

    if (!vm)
        return maqet_format(
            "the definition of VM '%s', which may use it, cannot be read: "
            "%s",
            name, reason->message);
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *other = vm->drives[i];

        if (is_same_storage(drive, other))
            return maqet_format("VM '%s' uses it", name);
        if (maqet_drive_is_unknown(other) &&
            strcmp(other->storage->plugin.name, drive->storage->plugin.name) == 0)
            return maqet_format("the drive '%s' of VM '%s' may use it, and cannot be "
                                "inspected: %s",
                                other->name, name, other->fault->message);
    }
    return NULL;
}

struct search {
    const struct maqet_context *context;
    const char *except; /* may be NULL */
    const struct maqet_drive *drive;
    char *need; /* or a doubt; NULL: neither */
};

static void
find_need(void *data, const struct maqet_strings *names)
{
    struct search *search = data;

    free(search->need);
    search->need = NULL;
    for (size_t i = 0; i < names->count && !search->need; i++)
        if (!search->except || strcmp(names->items[i], search->except) != 0)
            search->need =
                need_of_machine(search->context, names->items[i], search->drive);
}

/* The same for all machines but one. */
static char *
need_of_machines(const struct maqet_context *context, const char *except,
                 const struct maqet_drive *drive)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct search search = {.context = context, .except = except, .drive = drive};

    return maqet_others_look_through(context, find_need, &search, &reason) == 0 ||
                   search.need
               ? search.need
               : maqet_format("a VM may use it: %s", reason->message);
}

char *
maqet_elsewhere_need(const struct maqet_context *context, const struct maqet_drive *drive)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    char *need = need_of_machines(context, NULL, drive);

    if (need || maqet_drive_check_users(drive, 0, &reason) == 0)
        return need;
    return maqet_strdup(reason->message);
}

/* What speaks against asking the plugin; NULL: nothing. The caller frees. */
static char *
objection(const struct maqet_vm *vm, const struct maqet_drive *drive,
          const struct maqet_remove *how)
{
    if (!drive->storage->plugin.remove)
        return maqet_format("created by maqet, and the type %s cannot delete it",
                            drive->storage->plugin.name);
    if (!how->delete_storage) {
        _cleanup_free_ char *step =
            maqet_context_next(vm->context, MAQET_NEXT_DELETE_STORAGE, NULL);
        return maqet_format("created by maqet, and %s", step);
    }
    if (drive->fault_of >= MAQET_FAULT_STORAGE)
        return maqet_format("created by maqet, and the drive cannot be used: %s",
                            drive->fault->message);
    _cleanup_free_ char *owner = maqet_owner_objection(
        vm->context, vm->definition->name, vm->definition->uuid, drive->record);
    return owner ? maqet_format("created by maqet %s", owner)
                 : need_of_machines(vm->context, vm->definition->name, drive);
}

/* What the plugin says against it; NULL: nothing. The caller frees. */
static char *
answer(const struct maqet_drive *drive)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_image_state state;

    if (maqet_drive_inspect(drive, &state, &reason) < 0)
        return maqet_format("created by maqet, and it cannot be inspected: %s",
                            reason->message);
    if (!state.exists) {
        _cleanup_free_ char *when = maqet_text_date(drive->record->seen);

        return maqet_format("missing; it was last there on %s", when);
    }
    return maqet_drive_check_users(drive, 0, &reason) < 0 ? maqet_strdup(reason->message)
                                                          : NULL;
}

bool
maqet_elsewhere_is_removed(const struct maqet_vm *vm, const struct maqet_drive *drive,
                           const struct maqet_remove *how, char **reason)
{
    const struct maqet_image_record *record = drive->record;
    _cleanup_free_ char *place = maqet_drive_place(drive);

    *reason = NULL;
    /* The record may be that of other storage, which the drive had before. */
    if (!record || !record->place || strcmp(record->place, place) != 0 ||
        strcmp(record->type, drive->storage->plugin.name) != 0)
        return false;
    if (!record->created || record->seen == 0) {
        *reason = maqet_strdup(
            record->created ? "its creation by maqet was interrupted, so whether it "
                              "is maqet's is not known"
                            : "not created by maqet");
        return false;
    }
    *reason = objection(vm, drive, how);
    if (!*reason)
        *reason = answer(drive);
    if (*reason)
        return false;
    *reason = maqet_strdup("created by maqet");
    return true;
}
