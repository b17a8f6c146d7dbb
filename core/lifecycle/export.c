/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/export.h"

#include "core/machine/bases.h"
#include "core/machine/exports.h"
#include "core/machine/holders.h"
#include "core/machine/opened.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"

static int
record(void *data, const char *temporary, const struct maqet_file_id *id,
       struct maqet_error **err)
{
    const struct maqet_opened *machine = data;

    return maqet_exports_record(machine->context, machine->name, temporary, id, err);
}

/* We have the machine's lock, and qemu-img that of the image. */
static int
verify(void *data, struct maqet_error **err)
{
    (void)data;
    (void)err;
    return 0;
}

static int
check_drive(const struct maqet_vm *vm, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    struct maqet_image_state state;

    if (maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    if (drive->chain.depth == 0 || maqet_drive_empty(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it has no image that could be exported");
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    if (!state.exists)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                                 "its image does not exist");
    return maqet_bases_check(drive, err) < 0 ||
                   (drive->overlays &&
                    maqet_overlays_check(drive->overlays, drive->overlays->top, err) <
                        0) ||
                   maqet_holders_check(vm, drive, err) < 0
               ? -1
               : 0;
}

static int
check_stopped(const struct maqet_opened *machine, const char *drive,
              struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is running, so drive '%s' changes all the time",
                    machine->name, drive);
    maqet_error_next(err, MAQET_NEXT_EXPORT_SNAPSHOT, machine->name, drive, NULL);
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

int
maqet_vm_export(const struct maqet_context *context, const char *vm, const char *drive,
                const struct maqet_export *export, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, vm, MAQET_OPEN_LOCK | MAQET_OPEN_VM, err);
    const struct maqet_export_recorder recorder = {
        .record = record, .verify = verify, .data = machine};
    const struct maqet_drive *found =
        machine ? maqet_vm_find_drive(machine->vm, drive, err) : NULL;

    if (!found || check_stopped(machine, drive, err) < 0 ||
        check_drive(machine->vm, found, err) < 0)
        return -1;
    int result = maqet_drive_export(found, export, &recorder, err);
    if (result < 0)
        maqet_holders_explain(machine->vm, found, err);
    maqet_exports_sweep(context, machine->name);
    return result;
}
