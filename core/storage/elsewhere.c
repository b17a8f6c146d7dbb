/* SPDX-License-Identifier: MIT */
#include "core/storage/elsewhere.h"

#include "core/storage/callback.h"
#include "core/storage/folder.h"
#include "core/storage/space.h"

static int
create(const struct maqet_drive *drive, enum maqet_level level, struct maqet_error **err)
{
    maqet_context_say(drive->context, level,
                      "Creating %s storage for drive '%s' of VM '%s'",
                      drive->storage->plugin.name, drive->name, drive->machine->vm_name);
    return maqet_storage_create(drive, NULL, err) < 0
               ? maqet_error_wrap(err,
                                  "Cannot create what the drive '%s' of VM '%s' needs",
                                  drive->name, drive->machine->vm_name)
               : 0;
}

/* It exists now, or why it does not is an error in the plugin's own words. */
static int
inspect_existing(const struct maqet_drive *drive, struct maqet_image_state *state,
                 struct maqet_error **err)
{
    if (maqet_image_ask(drive, -1, state, err) < 0)
        return -1;
    state->exists = true;
    return 0;
}

/* ---- once ---- */

/* Of storage that is missing, whether it may be created: neither without the user's consent
 * if it was there before, nor if the guest could only read it. */
static int
check_creatable(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;

    if (!drive->create_missing && maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    return drive->storage->plugin.creation == MAQET_CREATION_ONCE &&
                   !maqet_drive_readonly(drive)
               ? 0
               : inspect_existing(drive, &state, err);
}

/* Whether somebody else was faster is seen by the plugin only. Then it is not ours. */
static int
create_once(const struct maqet_drive *drive, bool *created,
            const struct maqet_image_recorder *recorder, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    /* If we are killed, what is there then may be ours or not: it will not be deleted. */
    if (recorder && recorder->record(recorder->data, drive, NULL, NULL, err) < 0)
        return -1;
    *created = create(drive, MAQET_LEVEL_INFO, &reason) == 0;
    return *created || reason->code == MAQET_ERROR_EXISTS
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}

static int
prepare_once(const struct maqet_drive *drive, struct maqet_image_state *state,
             bool *created, const struct maqet_image_recorder *recorder,
             struct maqet_error **err)
{
    if (!drive->storage->plugin.inspect)
        return 0;
    if (maqet_drive_inspect(drive, state, err) < 0)
        return -1;
    if (state->exists)
        return 0;
    return check_creatable(drive, err) < 0 ||
                   create_once(drive, created, recorder, err) < 0
               ? -1
               : inspect_existing(drive, state, err);
}

int
maqet_elsewhere_remove(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (!drive->storage->plugin.remove)
        return maqet_drive_error_unsupported(drive, "cannot delete what it has created",
                                             err);
    return MAQET_STORAGE_CALL(err, drive, MAQET_CALL_LONG, remove) < 0
               ? maqet_error_wrap(err,
                                  "Cannot delete the storage of drive '%s' of VM '%s'",
                                  drive->name, drive->machine->vm_name)
               : 0;
}

/* ---- for each start ---- */

static int
check_room(const struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t at_once, at_most;

    if (!drive->storage->plugin.space)
        return 0;
    return maqet_storage_space(drive, &at_once, &at_most, err) < 0
               ? -1
               : maqet_image_check_room(drive, drive->folder, at_once, at_most, err);
}

/* Its folder is empty, whatever a killed start has left there. */
static int
prepare_for_start(const struct maqet_drive *drive, struct maqet_image_state *state,
                  bool *created, struct maqet_error **err)
{
    if (maqet_drive_folder_make(drive, err) < 0 ||
        maqet_drive_folder_empty(drive, err) < 0 || check_room(drive, err) < 0 ||
        create(drive, MAQET_LEVEL_DEBUG, err) < 0)
        return -1;
    *created = state->exists = true;
    return drive->storage->plugin.inspect ? inspect_existing(drive, state, err) : 0;
}

/* ---- both ---- */

static bool
is_for_start(const struct maqet_drive *drive)
{
    return drive->storage->plugin.creation == MAQET_CREATION_EACH_START;
}

int
maqet_elsewhere_check(const struct maqet_drive *drive, struct maqet_image_state *state,
                      struct maqet_error **err)
{
    *state = (struct maqet_image_state){0};
    if (is_for_start(drive) || !drive->storage->plugin.inspect)
        return 0;
    if (maqet_drive_inspect(drive, state, err) < 0)
        return -1;
    return state->exists ? 0 : check_creatable(drive, err);
}

int
maqet_elsewhere_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                        bool *created, const struct maqet_image_recorder *recorder,
                        struct maqet_error **err)
{
    *created = false;
    *state = (struct maqet_image_state){0};
    return is_for_start(drive) ? prepare_for_start(drive, state, created, err)
                               : prepare_once(drive, state, created, recorder, err);
}
