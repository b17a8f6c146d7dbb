/* SPDX-License-Identifier: MIT */
/*
 * elsewhere.c - drives that are made of no file of this host: what their plugin, or the
 * service behind it, knows of them, and making what is missing there.
 */
#include <string.h>

#include "core/storage/elsewhere.h"
#include "core/storage/callback.h"
#include "core/storage/record.h"

/* ---- is it there ---- */

static int
make(const struct maqet_drive *drive, bool say, struct maqet_error **err)
{
    if (say)
        maqet_context_say(drive->context, MAQET_LEVEL_INFO,
                          "Creating %s storage for drive '%s' of VM '%s'",
                          drive->storage->plugin.name, drive->name,
                          drive->machine->vm_name);
    return maqet_storage_create(drive, NULL, err) < 0
               ? maqet_error_wrap(err,
                                  "Cannot create what the drive '%s' of VM '%s' "
                                  "needs",
                                  drive->name, drive->machine->vm_name)
               : 0;
}

int
maqet_elsewhere_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    *state = (struct maqet_image_state){0};
    if (!drive->storage->plugin.inspect)
        return 0;
    if (maqet_image_ask(drive, -1, state, &reason) == 0) {
        state->exists = true;
        return 0;
    }
    return reason->code == MAQET_ERROR_MISSING ? 0
                                               : maqet_error_move(err, TAKE_PTR(reason));
}

int
maqet_drive_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                    struct maqet_error **err)
{
    return drive->storage->plugin.path_option
               ? maqet_image_inspect(drive, state, err)
               : maqet_elsewhere_inspect(drive, state, err);
}

int
maqet_elsewhere_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                        bool *created, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    bool makes = plugin->create && !maqet_drive_readonly(drive);

    *created = false;
    if (maqet_elsewhere_inspect(drive, state, err) < 0)
        return -1;
    if (plugin->inspect && !state->exists && !drive->create_missing &&
        maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    if (makes && !state->exists) {
        if (make(drive, plugin->inspect, err) < 0)
            return -1;
        *created = plugin->inspect;
    } else if (state->exists || !plugin->inspect) {
        return 0;
    }
    /* What is missing now is an error, in the plugin's own words. */
    if (plugin->inspect && maqet_image_ask(drive, -1, state, err) < 0)
        return -1;
    state->exists = true;
    return 0;
}

/* ---- who else uses it ---- */

static int
error_used(const struct maqet_drive *drive, const struct maqet_holders *holders,
           size_t ours, struct maqet_error **err)
{
    _cleanup_free_ char *list = maqet_strings_list(&holders->who);

    maqet_error_set(err, MAQET_ERROR_BUSY, "VM '%s': drive '%s' is in use by %s%s",
                    drive->machine->vm_name, drive->name, list,
                    ours > 0 ? ", only one of which is this VM" : "");
    for (size_t i = 0; i < holders->hints.count; i++)
        maqet_error_hint(err, "%s", holders->hints.items[i]);
    return -1;
}

int
maqet_drive_check_users(const struct maqet_drive *drive, size_t ours,
                        struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_holders holders = {0};

    if (maqet_drive_readonly(drive) || !drive->storage->plugin.holders)
        return 0;
    int result =
        MAQET_STORAGE_CALL(&reason, drive, MAQET_CALL_SERVICE, holders, &holders);
    /* What is not there has no users. */
    if (result < 0)
        result = reason->code == MAQET_ERROR_MISSING
                     ? 0
                     : maqet_error_move(err, TAKE_PTR(reason));
    else if (holders.who.count > ours)
        result = error_used(drive, &holders, ours, err);
    maqet_strings_clear(&holders.who);
    maqet_strings_clear(&holders.hints);
    return result;
}
