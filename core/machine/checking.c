/* SPDX-License-Identifier: MIT */
#include "core/machine/checking.h"

#include "core/machine/bases.h"
#include "core/machine/holders.h"

void
maqet_checking_cleanup(struct maqet_checking **checking)
{
    if (!*checking)
        return;
    if (!(*checking)->machine)
        maqet_vm_free((*checking)->vm);
    maqet_opened_close((*checking)->machine);
    free(*checking);
}

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

struct maqet_checking *
maqet_checking_open(const struct maqet_context *context, const char *name_or_uuid,
                    struct maqet_error **err)
{
    _cleanup_checking_ struct maqet_checking *checking = maqet_alloc(sizeof(*checking));

    /* Its folder is for the log. */
    checking->machine =
        maqet_open(context, name_or_uuid,
                   MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER | MAQET_OPEN_ALLOW_PENDING, err);
    if (!checking->machine || check_stopped(checking->machine, err) < 0)
        return NULL;
    checking->vm = maqet_opened_vm(checking->machine, err);
    return checking->vm ? TAKE_PTR(checking) : NULL;
}

struct maqet_checking *
maqet_checking_new(const struct maqet_context *context,
                   struct maqet_definition *definition)
{
    _cleanup_checking_ struct maqet_checking *checking = maqet_alloc(sizeof(*checking));

    checking->vm = maqet_vm_look(context, definition);
    return TAKE_PTR(checking);
}

int
maqet_checking_run(const struct maqet_checking *checking,
                   struct maqet_check_report *report, enum maqet_check_depth depth,
                   struct maqet_error **err)
{
    const struct maqet_drive *drive = report->drive;
    bool repairs = depth == MAQET_CHECK_REPAIR || depth == MAQET_CHECK_REPAIR_LEAKS;

    if (maqet_drive_check_storage(drive, err) < 0)
        return -1;
    if (repairs && maqet_bases_check_unused(drive, err) < 0)
        return -1;
    /* One that others read as well may be checked; nobody else may write. */
    if (!maqet_drive_readonly(drive) && maqet_holders_check(checking->vm, drive, err) < 0)
        return -1;
    if (maqet_drive_check(report, depth, err) == 0)
        return 0;
    maqet_error_wrap(err, "VM '%s', drive '%s': cannot be checked",
                     drive->machine->vm_name, drive->name);
    return maqet_holders_explain(checking->vm, drive, err);
}
