/* SPDX-License-Identifier: MIT */
#include "core/clone/images.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/machine/drives.h"
#include "core/machine/forks.h"
#include "core/machine/owner.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/storage/blank.h"
#include "core/storage/copy.h"

/* ---- before it is stored ---- */

int
maqet_clone_check_name(const struct maqet_context *context, const char *name,
                       struct maqet_error **err)
{
    if (!maqet_vm_name_valid(name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "Invalid VM name '%s': use a letter or digit, then "
                               "letters, digits, '.', '_' and '-'; at most 63 characters",
                               name);
    if (maqet_store_pending(context, name) || maqet_fork_is_discarded(context, name))
        maqet_opened_close(maqet_open(context, name, MAQET_OPEN_LOCK, NULL));
    _cleanup_free_ char *found = maqet_store_resolve(context, name, NULL);
    if (!found)
        return 0;
    maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a VM '%s'", name);
    maqet_error_hint(err, "Give it another name");
    return -1;
}

int
maqet_clone_check_files(const struct maqet_vm *vm, const struct maqet_clone_plan *plan,
                        struct maqet_error **err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(vm, plan->drives[i].drive->name, NULL);
        enum maqet_clone_part part = plan->drives[i].part;

        if (!drive || !drive->path || part == MAQET_PART_SHARED ||
            maqet_file_missing(drive->path))
            continue;
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                          "there is already %s, where its image would be", drive->path);
        maqet_error_hint(err, "Give it another name, or move that file");
        return -1;
    }
    return 0;
}

/* ---- its images ---- */

/* Of an image that is about to get its name. */
static int
record_image(void *data, const struct maqet_drive *drive, const char *file,
             const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_vm *vm = data;

    if (file)
        maqet_owner_mark(vm->context, vm->definition, file);
    return maqet_images_note_created(vm, drive, id, err);
}

static int
make_drive(struct maqet_vm *vm, const struct maqet_clone_drive *item, const char *socket,
           struct maqet_error **err)
{
    const struct maqet_image_recorder recorder = {.record = record_image, .data = vm};
    struct maqet_drive *drive = NULL;

    for (size_t i = 0; i < vm->drive_count; i++)
        if (strcmp(vm->drives[i]->name, item->drive->name) == 0)
            drive = vm->drives[i];
    if (!drive)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "VM '%s' has no drive '%s'",
                               vm->definition->name, item->drive->name);
    if (item->part == MAQET_PART_COPIED) {
        struct maqet_copy copy = {.from = item->from, .to = drive, .recorder = &recorder};

        copy.from.socket = socket;

        if (maqet_copy(&copy, err) < 0)
            return -1;
    }
    drive->blank = item->blank;
    return maqet_vm_drive_make(vm, drive, err);
}

bool
maqet_clone_needs_helpers(const struct maqet_vm *vm, const struct maqet_clone_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_clone_drive *item = &plan->drives[i];
        const struct maqet_drive *drive =
            maqet_vm_find_drive(vm, item->drive->name, NULL);

        if (item->part == MAQET_PART_COPIED ||
            (item->part == MAQET_PART_LINKED &&
             !(drive && item->blank && maqet_blank_fits(item->blank, drive))))
            return true;
    }
    return false;
}

int
maqet_clone_make_images(struct maqet_vm *vm, const char *folder,
                        const struct maqet_clone_plan *plan, struct maqet_error **err)
{
    for (size_t i = 0; i < plan->count; i++) {
        enum maqet_clone_part part = plan->drives[i].part;
        _cleanup_free_ char *socket = maqet_run_server_socket(folder, i);

        if ((part == MAQET_PART_COPIED || part == MAQET_PART_LINKED) &&
            (make_drive(vm, &plan->drives[i], socket, err) < 0 ||
             maqet_interrupt_check(err) < 0))
            return -1;
    }
    return 0;
}
