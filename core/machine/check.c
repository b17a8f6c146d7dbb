/* SPDX-License-Identifier: MIT */
#include "core/machine/check.h"

#include <unistd.h>

#include "core/machine/bases.h"
#include "core/machine/holders.h"
#include "core/machine/state.h"
#include "core/machine/store.h"
#include "core/storage/keys.h"

/* The operand of the next steps: a stored machine, or the file that it was read from. */
static char *
operand_of(const struct maqet_vm *vm)
{
    _cleanup_free_ char *stored =
        maqet_store_resolve(vm->context, vm->definition->name, NULL);
    const char *file = maqet_tree_place(vm->definition->tree).file;

    return maqet_strdup(stored || !file ? vm->definition->name : file);
}

static int
error_damaged(const struct maqet_vm *vm, const struct maqet_drive *drive,
              const char *text, struct maqet_error **err)
{
    _cleanup_free_ char *operand = operand_of(vm);
    _cleanup_free_ char *readonly = maqet_keys_readonly(drive);

    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_FAILED,
                      "%s; nothing may write to it", text);
    maqet_error_next(err, MAQET_NEXT_CHECK_DRIVE, operand, drive->name, NULL);
    maqet_error_next(err, MAQET_NEXT_REPAIR_DRIVE, operand, drive->name, NULL);
    if (readonly)
        maqet_error_hint(err, "Or say %s to save what can be read", readonly);
    return -1;
}

static void
warn_damaged(const struct maqet_vm *vm, const struct maqet_drive *drive,
             const struct maqet_checked_file *file)
{
    _cleanup_free_ char *text = maqet_checked_file_text(file);
    _cleanup_free_ char *operand = operand_of(vm);
    _cleanup_error_ struct maqet_error *notice = NULL;

    maqet_error_set(&notice, MAQET_ERROR_FAILED,
                    "Drive '%s' of VM '%s': %s; what the guest reads may be wrong",
                    drive->name, drive->machine->vm_name, text);
    maqet_error_next(&notice, MAQET_NEXT_CHECK_DRIVE, operand, drive->name, NULL);
    maqet_context_say_error(drive->context, MAQET_LEVEL_WARNING, notice);
}

int
maqet_vm_check_drive(const struct maqet_vm *vm, const struct maqet_drive *drive,
                     struct maqet_error **err)
{
    _cleanup_check_report_ struct maqet_check_report report = {.drive = drive};

    if (!drive->storage->plugin.check || drive->shown)
        return 0;
    if (maqet_drive_check(&report, MAQET_CHECK_QUICK, err) < 0)
        return -1;
    for (size_t i = 0; i < report.count; i++) {
        const struct maqet_checked_file *file = &report.files[i];

        if (!maqet_checked_file_is_damaged(file))
            continue;
        if (!file->written) {
            warn_damaged(vm, drive, file);
            continue;
        }
        _cleanup_free_ char *text = maqet_checked_file_text(file);
        return error_damaged(vm, drive, text, err);
    }
    return 0;
}

int
maqet_vm_check_drives(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_state state = {0};
    struct maqet_error *error = NULL; /* of one drive */
    bool wrong = false;

    maqet_state_look(vm->context, vm->definition->name, &state, NULL);
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        /* An image that is being written to looks damaged. */
        if (state.pid > 0 && drive->path && !maqet_drive_readonly(drive) &&
            maqet_holders_has_open(vm, drive, state.pid))
            continue;
        maqet_vm_check_drive(vm, drive, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

void
maqet_vm_drive_damage(const struct maqet_drive *drive, bool running,
                      struct maqet_strings *damage)
{
    _cleanup_check_report_ struct maqet_check_report report = {.drive = drive};

    if (!drive->storage->plugin.check ||
        maqet_drive_check(&report, MAQET_CHECK_QUICK, NULL) < 0)
        return;
    for (size_t i = 0; i < report.count; i++)
        if (maqet_checked_file_is_damaged(&report.files[i]) &&
            !(running && report.files[i].written))
            maqet_strings_take(damage, maqet_checked_file_text(&report.files[i]));
}

/* ---- the thorough check ---- */

static int
check_stopped(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is running%s (PID %d), and an image that is in use "
                    "cannot be checked",
                    machine->name, machine->run.lost ? ", runtime folder lost" : "",
                    machine->run.pid);
    maqet_error_next(err, MAQET_NEXT_STOP, machine->name, NULL);
    return -1;
}

struct maqet_opened *
maqet_check_open(const struct maqet_context *context, const char *name_or_uuid,
                 struct maqet_error **err)
{
    /* The log is in its run folder. */
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name_or_uuid,
                   MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER | MAQET_OPEN_ALLOW_PENDING, err);

    if (!machine || check_stopped(machine, err) < 0)
        return NULL;
    /* What cannot be settled is no reason not to look for damage. */
    if (!maqet_store_pending(context, machine->name) && maqet_opened_vm(machine, NULL))
        maqet_opened_settle(machine);
    return TAKE_PTR(machine);
}

int
maqet_vm_check_thoroughly(const struct maqet_vm *vm, struct maqet_check_report *report,
                          enum maqet_check_depth depth, struct maqet_error **err)
{
    const struct maqet_drive *drive = report->drive;
    bool repairs = depth == MAQET_CHECK_REPAIR || depth == MAQET_CHECK_REPAIR_LEAKS;

    if (drive->fault_of != MAQET_FAULT_FILES &&
        maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    if (repairs && maqet_bases_check_unused(drive, err) < 0)
        return -1;
    /* Others may read the image meanwhile, but not write to it. */
    if (!maqet_drive_readonly(drive) && maqet_holders_check(vm, drive, err) < 0)
        return -1;
    if (maqet_drive_check(report, depth, err) == 0)
        return 0;
    maqet_error_wrap(err, "VM '%s', drive '%s': cannot be checked",
                     drive->machine->vm_name, drive->name);
    return maqet_holders_explain(vm, drive, err);
}
