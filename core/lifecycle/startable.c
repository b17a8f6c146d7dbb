/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/startable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/process.h"
#include "core/machine/accel.h"
#include "core/machine/arguments.h"
#include "core/machine/command_line.h"
#include "core/machine/helpers.h"
#include "core/machine/ports.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/tap.h"
#include "core/qemu/launch.h"
#include "core/qemu/surroundings.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"
#include "core/storage/record.h"

/* QEMU itself, and the folder in which it works. */
static int
check_program(struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    const char *folder = maqet_tree_place(vm->definition->tree).folder;

    if (maqet_vm_command_line(vm, &argv, err) < 0)
        return -1;
    _cleanup_free_ char *found = maqet_launch_find(argv.items[0], err);
    if (!found)
        return -1;
    if (folder && faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) < 0)
        return maqet_error_errno(err, errno, "Cannot work in %s", folder);
    return 0;
}

/* An image that was deleted while QEMU has it open would be created again, empty. */
static int
check_images_there(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        /* A drive that was added since has no image yet. */
        if (!drive->path || access(drive->path, F_OK) == 0 ||
            !maqet_image_vanished(drive))
            continue;
        maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                          MAQET_ERROR_MISSING,
                          "%s no longer exists; QEMU still has it open, and its "
                          "contents may be lost when QEMU ends",
                          drive->path);
        maqet_error_hint(err, "Move it back, or copy its contents while the VM is "
                              "running");
        return -1;
    }
    return 0;
}

static int
check_tpm(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_free_ char *tpm = maqet_arguments_tpm_emulator(maqet_vm_arguments(vm));

    if (!tpm)
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "the emulator of its TPM '%s' ends with QEMU, so QEMU could not "
                    "be restarted",
                    tpm);
    return maqet_error_next(err, MAQET_NEXT_STOP_AND_START_EMULATOR, vm->definition->name,
                            NULL);
}

int
maqet_vm_check_launchable(struct maqet_vm *vm, struct maqet_error **err)
{
    return check_program(vm, err) < 0 || maqet_vm_accel_check(vm, err) < 0 ||
                   maqet_tap_check(vm, err) < 0 || maqet_ports_check_free(vm, err) < 0 ||
                   maqet_helpers_check(vm->drives, vm->drive_count, err) < 0 ||
                   maqet_arguments_check_surroundings(
                       maqet_vm_arguments(vm),
                       maqet_tree_place(vm->definition->tree).folder, err) < 0
               ? -1
               : 0;
}

/* What an interrupted command has left of overlays can only be settled with the QEMU that has them
 * open. */
static int
check_settled(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (!drive->overlays ||
            (drive->overlays->prepared == 0 && drive->overlays->merging_above == 0))
            continue;
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                          "a command on its snapshots was interrupted");
        return maqet_error_next(err, MAQET_NEXT_RECOVER, vm->definition->name, NULL);
    }
    return 0;
}

int
maqet_vm_check_startable(const struct maqet_context *context,
                         struct maqet_definition *definition, enum maqet_startable how,
                         const struct maqet_drives_consent *consent,
                         struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_strdup(definition->name);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);
    bool runs = how != MAQET_STARTABLE_STOPPED;
    bool makes_missing = consent && consent->create_missing;

    if (vm && maqet_sandbox_check_user(vm, err) == 0 &&
        maqet_vm_check_launchable(vm, err) == 0 &&
        (!runs || ((makes_missing || check_images_there(vm, err) == 0) &&
                   (check_tpm(vm, err) == 0 && check_settled(vm, err) == 0))) &&
        maqet_vm_drives_check(vm, consent, err) == 0 &&
        maqet_vm_arguments_check(vm, true, err) == 0 &&
        maqet_argument_files_check_free(vm, err) == 0)
        return 0;
    return maqet_error_wrap(err,
                            how == MAQET_STARTABLE_STOPPED
                                ? "VM '%s' would not start"
                                : "VM '%s' would not start again, so it was not "
                                  "stopped",
                            name);
}
