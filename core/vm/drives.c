/* SPDX-License-Identifier: MIT */
#include "core/vm/drives.h"

#include <string.h>

#include "core/base/json.h"
#include "core/storage/elsewhere.h"
#include "core/vm/store.h"

/* Remembers an image that is about to appear: a record too many does no harm, since it
 * counts only for the very file that it names; one too few would leave a file behind for
 * ever. */
static int
remember_image(void *data, const char *path, const struct maqet_file_id *id,
               struct maqet_error **err)
{
    const struct maqet_vm *vm = data;
    const struct maqet_created record = {.path = (char *)path, .id = *id};

    return maqet_store_created_add(vm->context, vm->definition->name, &record, err);
}

int
maqet_vm_drives_prepare(const struct maqet_vm *vm, struct maqet_error **err)
{
    const struct maqet_image_recorder recorder = {.record = remember_image,
                                                  .data = (void *)vm};
    struct maqet_image_state state;
    bool created;

    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_image_precheck(vm->drives[i], err) < 0)
            return -1;
    if (maqet_image_check_space(vm->drives, vm->drive_count, err) < 0)
        return -1;
    /* Where a drive's content is served, only its server reads the image. */
    for (size_t i = 0; i < vm->drive_count; i++)
        if (!vm->drives[i]->served && maqet_drive_check_unused(vm->drives[i], err) < 0)
            return -1;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_image_prepare(vm->drives[i], &state, &created, &recorder, err) < 0)
            return -1;
    return 0;
}

/* ---- who else uses them ---- */

bool
maqet_vm_drives_are_asked_again(const struct maqet_vm *vm)
{
    if (maqet_vm_starts_paused(vm))
        return false;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->storage->plugin.holders &&
            !maqet_drive_readonly(vm->drives[i]))
            return true;
    return false;
}

int
maqet_vm_drives_check_asked(const struct maqet_vm *vm, struct maqet_qmp *qmp,
                            int64_t timeout, struct maqet_error **err)
{
    if (!maqet_vm_drives_are_asked_again(vm))
        return 0;
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "query-status", NULL, timeout, err);
    const char *status = maqet_json_text(answer, "status");

    if (!answer)
        return maqet_error_wrap(err, "Virtual machine '%s'", vm->definition->name);
    if (!status || strcmp(status, "prelaunch") != 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' has never run: its start came to no end, and somebody else "
                    "may use its drives",
                    vm->definition->name);
    maqet_error_hint(err, "Stop it, and start it again: maqet stop %s",
                     vm->definition->name);
    return -1;
}

int
maqet_vm_drives_check_alone(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (!vm->drives[i]->served && maqet_drive_check_alone(vm->drives[i], err) < 0)
            return -1;
    return 0;
}
