/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/attach.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/job/recover.h"
#include "core/lifecycle/apply.h"
#include "core/lifecycle/plugging_job.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/merge.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/storage/image.h"

/* The phases of the job. Once QEMU may have the drive, the guest may have written to it, so
 * what was created for it is kept. */
enum { CREATE, PLUG, STORE };

/* ---- whether it can be attached ---- */

static int
error_exists(const struct maqet_opened *machine, const char *drive, bool stored,
             struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_EXISTS, "VM '%s' has a drive '%s' already%s",
                    machine->name, drive, stored ? ", from its next start on" : "");
    maqet_error_hint(err, "Give the new drive another name");
    return -1;
}

/* Neither definition may have a drive of that name, nor a key that adds one. */
static int
check_new(struct maqet_opened *machine, const char *drive, struct maqet_error **err)
{
    const struct maqet_vm *running = maqet_opened_vm(machine, err);
    _cleanup_vm_ struct maqet_vm *stored =
        running ? maqet_vm_open(machine->context, machine->name, err) : NULL;

    if (!stored)
        return -1;
    if (maqet_vm_find_drive(running, drive, NULL))
        return error_exists(machine, drive, false, err);
    return maqet_vm_find_drive(stored, drive, NULL)
               ? error_exists(machine, drive, true, err)
               : 0;
}

/* Whether the stored definition may have the drive, with its others. */
static int
check_stored(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_opened *machine = plugging->machine;
    struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);

    if (!stored)
        return -1;
    maqet_entries_put(stored, plugging->entry);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(machine->context, stored, err);
    return vm ? maqet_vm_check(vm, err) : -1;
}

/* ---- a machine that runs ---- */

/* Whether the image is there, or else what the storage consists of. */
static int
look_at_image(struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_drive *drive = plugging->drive;
    struct maqet_image_state state = {0};

    plugging->known = drive->record && !drive->record->presumed;
    if (drive->path)
        plugging->exists = access(drive->path, F_OK) == 0;
    else if (!maqet_drive_empty(drive) && drive->storage->plugin.inspect &&
             maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    else
        plugging->exists = state.exists;
    return 0;
}

static int
check_running(struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (maqet_plugging_check_hot(plugging, err) < 0 ||
        maqet_vm_check_own_images(plugging->vm, err) < 0 ||
        (!plugging->transient && check_stored(plugging, err) < 0))
        return -1;
    return look_at_image(plugging, err);
}

/* Whether QEMU says that it has no such device. Only then the guest cannot have written to
 * what was created: an error may also be that the answer did not arrive. */
static bool
is_absent(struct maqet_plugging *plugging)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    return maqet_plugging_look(plugging, &reason) == 0 &&
           !maqet_plugging_is_there(plugging);
}

static int
plug(struct maqet_plugging *plugging, struct maqet_job *job, struct maqet_error **err)
{
    if (maqet_job_phase(job, PLUG, err) < 0)
        return -1;
    if (maqet_plugging_add(plugging, err) == 0)
        return maqet_job_phase(job, STORE, err);
    if (!(*err)->silent && is_absent(plugging))
        maqet_job_phase(job, CREATE, NULL);
    return -1;
}

static int
attach_running(struct maqet_plugging *plugging, const struct maqet_attach *how,
               struct maqet_error **err)
{
    _cleanup_job_ struct maqet_job job = {0};

    if (check_running(plugging, err) < 0 ||
        maqet_plugging_begin(plugging, &job, &maqet_kind_attach, err) < 0)
        return -1;
    if (maqet_vm_drive_prepare(plugging->vm, plugging->drive, &how->consent, err) < 0 ||
        plug(plugging, &job, err) < 0 || maqet_plugging_store(plugging, true, err) < 0) {
        maqet_error_wrap(err, "Cannot attach drive '%s'", plugging->drive->name);
        maqet_holders_explain(plugging->vm, plugging->drive, err);
        return maqet_job_fail(&job, err);
    }
    return maqet_job_done(&job, err);
}

/* ---- one that is stopped ---- */

static int
attach_stopped(struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (!plugging->transient)
        return check_stored(plugging, err) < 0
                   ? -1
                   : maqet_plugging_store(plugging, true, err);
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "VM '%s' is not running, so a drive cannot be attached until it stops",
        plugging->machine->name);
    return maqet_error_next(err, MAQET_NEXT_START, plugging->machine->name, NULL);
}

int
maqet_vm_attach(const struct maqet_context *context, const char *name,
                const struct maqet_attach *how, struct maqet_attached *attached,
                struct maqet_error **err)
{
    _cleanup_free_ char *folder = realpath(".", NULL);
    _cleanup_json_ json_object *entry =
        maqet_assign_entry(how->drive, how->assignments, folder ? folder : "/", err);
    _cleanup_opened_ struct maqet_opened *machine =
        entry
            ? maqet_open(context, name,
                         MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER, err)
            : NULL;
    _cleanup_plugging_ struct maqet_plugging plugging = {.transient = how->transient};

    if (!machine || check_new(machine, how->drive, err) < 0 ||
        maqet_plugging_open(&plugging, machine, entry, err) < 0)
        return -1;
    attached->running = machine->run.pid > 0;
    if ((attached->running ? attach_running(&plugging, how, err)
                           : attach_stopped(&plugging, err)) < 0)
        return -1;
    attached->created = attached->running && !plugging.exists && plugging.drive->record &&
                        plugging.drive->record->created;
    return 0;
}

/* ---- recovery ---- */

static void
say_kept(const struct maqet_plugging *plugging, struct maqet_job *job, const char *need)
{
    _cleanup_free_ char *place = maqet_drive_place(plugging->drive);
    _cleanup_free_ char *what = maqet_format(
        "the guest does not have the drive. %s, which was created for it, is "
        "kept: %s",
        plugging->drive->path ? plugging->drive->path : place, need);

    maqet_job_say(job, what);
}

/* Nothing of the drive stays, except for storage that the guest, or others since, may have
 * written to, or that somebody needs. */
static int
undo(struct maqet_plugging *plugging, struct maqet_job *job, struct maqet_error **err)
{
    /* QEMU may write to it, too, when it closes it. */
    bool written = maqet_job_written_since(job, plugging->drive->path);

    if (plugging->machine->run.pid > 0 && maqet_plugging_remove_rest(plugging, err) < 0)
        return -1;
    if (job->journal.phase == CREATE) {
        _cleanup_free_ char *need = NULL;

        if (maqet_plugging_undo_creation(plugging, written, &need, err) < 0)
            return -1;
        if (need)
            say_kept(plugging, job, need);
        else
            maqet_job_say_nothing_left(job, "nothing is left of it");
        return 0;
    }
    maqet_job_say(job, "the guest does not have the drive, and its storage is kept");
    return 0;
}

/* If the guest has the drive, or could have had it until QEMU ended, the machine keeps it.
 */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging plugging = {0};
    if (maqet_plugging_reopen(&plugging, job, err) < 0)
        return -1;
    bool running = job->machine->run.pid > 0;
    if (running && maqet_plugging_look(&plugging, err) < 0)
        return -1;
    bool there =
        running ? maqet_plugging_is_there(&plugging) : job->journal.phase != CREATE;
    if (there ? maqet_plugging_store(&plugging, true, err) < 0
              : undo(&plugging, job, err) < 0)
        return -1;
    if (there)
        maqet_job_say(job, "it has been completed");
    return maqet_job_done(job, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_attach = {
    .word = "attach",
    .noun = "attachment of drive",
    MAQET_JOB_PHASES([CREATE] = {.word = "create",
                                 .finishing = "removes what was created for drive "
                                              "'{name}'"},
                     [PLUG] = {.word = "plug",
                               .finishing = "keeps drive '{name}' if the guest has it, "
                                            "and removes it if not"},
                     [STORE] = {.word = "store",
                                .finishing = "writes drive '{name}' into the "
                                             "definition"}),
    .recover = recover,
};
