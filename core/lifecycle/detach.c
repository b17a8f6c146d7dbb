/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/detach.h"

#include <string.h>

#include "core/job/recover.h"
#include "core/lifecycle/plugging_job.h"
#include "core/machine/entries.h"
#include "core/machine/store.h"

void
maqet_detached_clear(struct maqet_detached *detached)
{
    free(detached->image);
    *detached = (struct maqet_detached){0};
}

/* The phases of the job: QEMU changes, and then the files. */
enum { CHANGE, STORE };

/* ---- a machine that runs ---- */

/* QEMU says which bus it is. */
static void
explain(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (!strstr((*err)->message, "does not support hotplugging"))
        return;
    (*err)->code = MAQET_ERROR_UNSUPPORTED;
    maqet_error_hint(err, "With `hotplug_slots`, drives that are new to a VM get places "
                          "where they can be detached");
    maqet_error_next(err, MAQET_NEXT_STOP_FIRST, plugging->machine->name, NULL);
}

static void
explain_guest(struct maqet_error **err)
{
    if ((*err)->silent ||
        ((*err)->code != MAQET_ERROR_TIMEOUT && (*err)->code != MAQET_ERROR_STATE))
        return;
    maqet_error_remark(err, "The drive is still attached");
    maqet_error_hint(err, "If the guest is still booting, or uses the drive: wait, or "
                          "unmount it there, and repeat the command");
}

/* Removes what the guest has. The drive may have none, if the guest released it after an
 * earlier attempt. */
static int
remove_devices(struct maqet_plugging *plugging, int64_t timeout, struct maqet_error **err)
{
    if (maqet_plugging_remove_devices(plugging, timeout, err) == 0)
        return 0;
    maqet_error_wrap(err, "Cannot detach drive '%s' of VM '%s'", plugging->drive->name,
                     plugging->machine->name);
    explain(plugging, err);
    explain_guest(err);
    return -1;
}

static int
detach_running(struct maqet_plugging *plugging, int64_t timeout, struct maqet_error **err)
{
    _cleanup_job_ struct maqet_job job = {0};

    if (maqet_plugging_check_hot(plugging, err) < 0 ||
        maqet_plugging_look(plugging, err) < 0 ||
        maqet_plugging_begin(plugging, &job, &maqet_kind_detach, err) < 0)
        return -1;
    return remove_devices(plugging, timeout, err) < 0 ||
                   maqet_job_phase(&job, STORE, err) < 0 ||
                   maqet_plugging_remove_rest(plugging, err) < 0 ||
                   maqet_plugging_store(plugging, false, err) < 0
               ? maqet_job_fail(&job, err)
               : maqet_job_done(&job, err);
}

/* ---- one that is stopped ---- */

static int
detach_stopped(struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (!plugging->transient)
        return maqet_plugging_store(plugging, false, err);
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "VM '%s' is not running, so a drive cannot be detached until it stops",
        plugging->machine->name);
    return maqet_error_next(err, MAQET_NEXT_START, plugging->machine->name, NULL);
}

/* The entry of a drive that the machine has; the caller puts it. */
static json_object *
find_entry(struct maqet_opened *machine, const char *drive, struct maqet_error **err)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, err);
    const struct maqet_drive *found = vm ? maqet_vm_find_drive(vm, drive, err) : NULL;

    /* When the machine is stopped, its definition alone changes. */
    return found && (machine->run.pid == 0 ||
                     maqet_drive_check_fault(found, MAQET_FAULT_FILES, err) == 0)
               ? json_object_get(maqet_entries_find_own(vm->definition, found, err))
               : NULL;
}

int
maqet_vm_detach(const struct maqet_context *context, const char *name,
                const struct maqet_detach *how, struct maqet_detached *detached,
                struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        context, name,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
    _cleanup_json_ json_object *entry =
        machine ? find_entry(machine, how->drive, err) : NULL;
    _cleanup_plugging_ struct maqet_plugging plugging = {
        .transient = how->transient, .known = true, .exists = true};

    if (!entry || maqet_plugging_open(&plugging, machine, entry, err) < 0)
        return -1;
    detached->running = machine->run.pid > 0;
    detached->image = maqet_strdup(plugging.drive->path);
    return detached->running ? detach_running(&plugging, how->timeout, err)
                             : detach_stopped(&plugging, err);
}

/* ---- recovery ---- */

/* While the guest has the drive, it keeps it. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging plugging = {0};
    bool stored = job->journal.phase == STORE;

    if (maqet_plugging_reopen(&plugging, job, err) < 0)
        return -1;
    bool running = job->machine->run.pid > 0;
    if (running && maqet_plugging_look(&plugging, err) < 0)
        return -1;
    bool there = running ? maqet_plugging_is_there(&plugging) : !stored;
    if (!there && ((running && maqet_plugging_remove_rest(&plugging, err) < 0) ||
                   maqet_plugging_store(&plugging, false, err) < 0))
        return -1;
    if (there)
        maqet_job_say_nothing_left(job, "the drive is still attached");
    else
        maqet_job_say(job, "it has been completed");
    return maqet_job_done(job, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_detach = {
    .word = "detach",
    .noun = "detachment of drive",
    MAQET_JOB_PHASES([CHANGE] = {.word = "change",
                                 .finishing = "keeps drive '{name}' if the guest has "
                                              "it, and removes it if not"},
                     [STORE] = {.word = "store",
                                .finishing = "removes drive '{name}' from the "
                                             "definition"}),
    .recover = recover,
};
