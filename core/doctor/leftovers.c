/* SPDX-License-Identifier: MIT */
#include "core/doctor/leftovers.h"

#include <sys/stat.h>

#include "core/lifecycle/ended_forks.h"
#include "core/machine/folder.h"
#include "core/machine/opened.h"
#include "core/machine/run_folder.h"
#include "core/machine/run_owner.h"
#include "core/machine/store.h"
#include "core/base/replacement.h"
#include "core/storage/creation.h"

static const char CHECK[] = "leftovers";

/* ---- of a machine ---- */

/* Sockets on which nobody listens, since the machine does not run. */
static void
add_sockets(const char *folder, struct maqet_strings *paths)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct stat status;

    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);

        if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
            maqet_strings_add(paths, path);
    }
}

static bool
can_have_leftovers(const struct maqet_drive *drive)
{
    return drive->path && drive->storage->plugin.create;
}

static void
list_of_machine(struct maqet_opened *machine, struct maqet_strings *paths)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);
    _cleanup_free_ char *folder =
        maqet_format("%s/vms/%s", machine->context->data_dir, machine->name);

    maqet_folder_leftovers(folder, paths);
    if (machine->run.pid == 0 && machine->run.dir_fd >= 0) {
        add_sockets(machine->run.folder, paths);
        maqet_dir_leftovers(machine->run.folder, NULL, paths);
    }
    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (can_have_leftovers(vm->drives[i]) && maqet_image_has_leftovers(vm->drives[i]))
            maqet_strings_addf(paths, "beside %s", vm->drives[i]->path);
}

/* Opening a machine with its lock removes everything but what is beside images. */
static int
sweep_machine(const struct maqet_context *context, const char *name,
              struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING, err);
    const struct maqet_vm *vm = machine ? maqet_opened_vm(machine, NULL) : NULL;

    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (can_have_leftovers(vm->drives[i]))
            maqet_image_sweep(vm->drives[i]);
    return machine ? 0 : -1;
}

/* ---- of machines that no longer exist ---- */

static void
list_run_folders(const struct maqet_context *context, struct maqet_strings *paths)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list(context->runtime_dir, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *folder =
            maqet_format("%s/%s", context->runtime_dir, names.items[i]);

        if (maqet_run_is_abandoned(folder))
            maqet_strings_add(paths, folder);
    }
}

/* ---- all of them ---- */

/* Reports what is there, or what has been removed; @removed and @there are the sentences before the
 * list. */
static void
report(struct maqet_doctor *doctor, const struct maqet_strings *paths,
       const char *removed, const char *there, const struct maqet_error *reason)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *list = maqet_strings_list(paths);

    if (doctor->fix && !reason) {
        maqet_doctor_say(doctor, CHECK, MAQET_VERDICT_OK, "%s: %s", removed, list);
        return;
    }
    maqet_error_set(&error, MAQET_ERROR_STATE, "%s: %s%s%s", there, list,
                    reason ? ". It cannot be removed: " : "",
                    reason ? reason->message : "");
    if (!reason)
        maqet_error_next(&error, MAQET_NEXT_FIX, NULL);
    maqet_doctor_say_error(doctor, CHECK, MAQET_VERDICT_WARNING, error);
}

/* @what: of whom. */
static void
say(struct maqet_doctor *doctor, const struct maqet_strings *paths, const char *what,
    const struct maqet_error *reason)
{
    _cleanup_free_ char *removed = maqet_format("Removed what %s", what);
    _cleanup_free_ char *there = maqet_format("What %s is still there", what);

    report(doctor, paths, removed, there, reason);
}

static bool
examine_machine(struct maqet_doctor *doctor, const char *name)
{
    const struct maqet_context *context = doctor->context;
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, name, 0, NULL);
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (machine)
        list_of_machine(machine, &paths);
    if (paths.count == 0)
        return false;
    if (doctor->fix)
        (void)sweep_machine(context, name, &reason);
    _cleanup_free_ char *what =
        maqet_format("interrupted commands and a QEMU of VM '%s' have left", name);
    say(doctor, &paths, what, reason);
    return true;
}

static bool
examine_store(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_store_leftovers(doctor->context, &paths);
    if (paths.count == 0)
        return false;
    if (doctor->fix)
        (void)maqet_store_sweep(doctor->context, &reason);
    say(doctor, &paths, "interrupted commands have left", reason);
    return true;
}

static bool
examine_run_folders(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    list_run_folders(doctor->context, &paths);
    if (paths.count == 0)
        return false;
    for (size_t i = 0; doctor->fix && i < paths.count; i++)
        (void)maqet_run_remove_abandoned(doctor->context, paths.items[i], &reason);
    say(doctor, &paths, "VMs that no longer exist have left", reason);
    return true;
}

static void
say_forks(struct maqet_doctor *doctor, const struct maqet_strings *forks,
          const struct maqet_error *reason)
{
    report(doctor, forks, "Removed discarded forks that have ended",
           "Discarded forks that have ended are still there", reason);
}

/* Runs whose maqet was killed, and forks that have powered off: otherwise, a command that names one or
 * its source removes it, and the source may not exist any more. */
static bool
examine_forks(struct maqet_doctor *doctor, const struct maqet_strings *forks)
{
    const struct maqet_context *context = doctor->context;
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;
    bool stays = false;

    for (size_t i = 0; i < forks->count; i++) {
        const char *name = forks->items[i];
        _cleanup_strings_ struct maqet_strings one = MAQET_STRINGS_INIT;
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (doctor->fix && maqet_ended_fork_sweep(context, name, &reason) < 0) {
            maqet_strings_addf(&one, "'%s'", name);
            say_forks(doctor, &one, reason);
            stays = true;
        } else if (!doctor->fix || !maqet_store_has(context, name)) {
            maqet_strings_addf(&found, "'%s'", name);
        } /* or somebody works on it */
    }
    if (found.count > 0)
        say_forks(doctor, &found, NULL);
    return stays || found.count > 0;
}

void
maqet_doctor_leftovers(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings forks = MAQET_STRINGS_INIT;
    bool found = examine_store(doctor);

    found |= examine_run_folders(doctor);
    maqet_store_list(doctor->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++)
        if (maqet_fork_has_ended(doctor->context, names.items[i]))
            maqet_strings_add(&forks, names.items[i]);
        else
            found |= examine_machine(doctor, names.items[i]);
    found |= examine_forks(doctor, &forks);
    if (!found)
        maqet_doctor_say(doctor, CHECK, MAQET_VERDICT_OK,
                         "Nothing is left of interrupted commands");
}

void
maqet_doctor_jobs(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(doctor->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (!maqet_store_pending(doctor->context, names.items[i]))
            continue;
        maqet_error_set(&error, MAQET_ERROR_STATE,
                        "A command on VM '%s' was interrupted, or is in progress",
                        names.items[i]);
        maqet_error_next(&error, MAQET_NEXT_RECOVER, names.items[i], NULL);
        maqet_doctor_say_error(doctor, "jobs", MAQET_VERDICT_WARNING, error);
    }
}
