/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_run.h"

#include <string.h>

#include "core/job/recover.h"
#include "core/lifecycle/relocation_check.h"
#include "core/lifecycle/relocation_entry.h"
#include "core/lifecycle/relocation_files.h"
#include "core/lifecycle/relocation_live.h"
#include "core/lifecycle/relocation_nodes.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"
#include "core/storage/overlay_frozen.h"

/* ---- the entries ---- */

/* The changed entry of the stored definition, with which the drive must be sound. */
static int
change_stored(struct maqet_relocation *relocation,
              const struct maqet_relocation_plan *plan, struct maqet_error **err)
{
    const struct maqet_opened *machine = relocation->machine;
    struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);
    _cleanup_strings_ struct maqet_strings dropped = MAQET_STRINGS_INIT;
    json_object *entry = stored ? maqet_entries_find(stored, plan->drive->name) : NULL;

    relocation->stored = entry ? maqet_relocation_entry(plan->drive, entry, plan->type,
                                                        plan->to, &dropped, err)
                               : NULL;
    if (!relocation->stored) {
        maqet_definition_free(stored);
        return -1;
    }
    maqet_entries_put(stored, relocation->stored);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_look(machine->context, stored);
    const struct maqet_drive *drive = maqet_vm_find_drive(vm, plan->drive->name, err);
    return drive ? maqet_drive_check_fault(drive, MAQET_FAULT_INTERFACE, err) : -1;
}

/* The drive before and after. The image of a running machine is created with the size that the guest
 * sees, which need not be in the entry. */
static int
open_drives(struct maqet_relocation *relocation, const struct maqet_relocation_plan *plan,
            struct maqet_strings *dropped, struct maqet_error **err)
{
    struct maqet_opened *machine = relocation->machine;
    json_object *entry = maqet_entries_find(machine->vm->definition, plan->drive->name);
    _cleanup_json_ json_object *after =
        maqet_relocation_entry(plan->drive, entry, plan->type, plan->to, dropped, err);
    uint64_t bytes;

    if (!after || maqet_plugging_open(&relocation->before, machine, entry, err) < 0)
        return -1;
    if (machine->run.pid > 0) {
        relocation->running = maqet_tree_copy(after);
        if (maqet_relocation_live_size(relocation, &bytes, err) < 0)
            return -1;
        maqet_relocation_entry_size(after, plan->type ? plan->type : plan->drive->storage,
                                    bytes);
    }
    return maqet_plugging_open(&relocation->after, machine, after, err) < 0
               ? -1
               : maqet_drive_check_fault(relocation->after.drive, MAQET_FAULT_INTERFACE,
                                         err);
}

/* ---- the course ---- */

static bool
has_overlays(const struct maqet_drive *drive)
{
    return drive->overlays && drive->overlays->count > 1;
}

static int
check(struct maqet_relocation *relocation, const struct maqet_relocation_plan *plan,
      struct maqet_error **err)
{
    struct maqet_opened *machine = relocation->machine;

    relocation->pid = machine->run.pid;
    if (relocation->after.vm->images_error)
        return maqet_error_copy(err, relocation->after.vm->images_error);
    if (maqet_relocation_check_stored(machine, plan->drive, err) < 0 ||
        maqet_relocation_check_needs(machine, plan->drive, err) < 0 ||
        maqet_relocation_check_free(plan->drive, plan->to, err) < 0)
        return -1;
    if (relocation->pid == 0)
        return 0;
    if (maqet_relocation_check_live(relocation, err) < 0)
        return -1;
    if (has_overlays(plan->drive))
        return maqet_overlays_check(plan->drive->overlays, plan->drive->overlays->top,
                                    err);
    /* Those of a drive that is converted have been looked for. */
    return maqet_relocation_check_no_snapshots(
        plan->drive, "which cannot be copied while the VM is running",
        MAQET_NEXT_STOP_FIRST, err);
}

/* What is frozen is moved as files, before QEMU copies what the guest writes to. */
static int
work_live(struct maqet_relocation *relocation, struct maqet_job *job,
          const struct maqet_relocation_plan *plan, struct maqet_error **err)
{
    return relocation->whole && (plan->fill(relocation, job, err) < 0 ||
                                 maqet_relocation_look_at_new(relocation, err) < 0)
               ? -1
               : maqet_relocation_mirror(relocation, job, err);
}

static int
work(struct maqet_relocation *relocation, struct maqet_job *job,
     const struct maqet_relocation_plan *plan, struct maqet_error **err)
{
    if (relocation->pid > 0)
        return work_live(relocation, job, plan, err);
    return plan->fill(relocation, job, err) < 0 ||
                   maqet_relocation_commit(relocation, err) < 0
               ? -1
               : maqet_job_phase(job, MAQET_RELOCATION_REMOVE, err);
}

int
maqet_relocation_run(struct maqet_relocation *relocation,
                     const struct maqet_relocation_plan *plan,
                     struct maqet_strings *dropped, struct maqet_error **err)
{
    const struct maqet_image_record *record = plan->drive->record;
    _cleanup_job_ struct maqet_job job = {0};

    relocation->from = maqet_strdup(plan->drive->path);
    relocation->to = maqet_strdup(plan->to);
    relocation->converts = plan->type != NULL;
    if (open_drives(relocation, plan, dropped, err) < 0 ||
        change_stored(relocation, plan, err) < 0 || check(relocation, plan, err) < 0)
        return -1;
    relocation->whole =
        !plan->type && (relocation->pid == 0 || has_overlays(plan->drive));
    if (!maqet_file_id_of_path(relocation->from, &relocation->old))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot inspect %s",
                               relocation->from);
    relocation->created = record && record->created && !record->presumed &&
                          maqet_file_id_is_same_file(&record->id, &relocation->old);
    if (maqet_relocation_begin(relocation, &job, plan->kind, err) < 0)
        return -1;
    if (work(relocation, &job, plan, err) < 0) {
        maqet_error_wrap(err, "Cannot %s drive '%s'", plan->verb, plan->drive->name);
        maqet_holders_explain(relocation->after.vm, relocation->before.drive, err);
        return maqet_job_fail(&job, err);
    }
    return maqet_relocation_finish(relocation, err) < 0 ? maqet_job_fail(&job, err)
                                                        : maqet_job_done(&job, err);
}

/* ---- recovery ---- */

int
maqet_relocation_recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_relocation_ struct maqet_relocation relocation = {0};
    bool committed;

    if (maqet_relocation_reopen(&relocation, job, err) < 0 ||
        maqet_relocation_is_committed(&relocation, &committed, err) < 0)
        return -1;
    if (maqet_relocation_is_live(&relocation) &&
        (maqet_relocation_settle_live(&relocation, job->journal.phase, committed, err) <
             0 ||
         (committed && maqet_relocation_commit(&relocation, err) < 0)))
        return -1;
    if (relocation.whole)
        maqet_relocation_sweep_files(&relocation);
    if (committed) {
        if (maqet_relocation_finish(&relocation, err) < 0)
            return -1;
        maqet_job_say(job, "it has been completed");
    } else {
        bool written = maqet_job_written_since(job, relocation.to);

        if (maqet_relocation_undo(&relocation, written, err) < 0)
            return -1;
        maqet_job_say_nothing_left(job, "nothing is left of it");
    }
    return maqet_job_done(job, err);
}

/* The guest must not stay paused. */
int
maqet_relocation_forget(struct maqet_job *job, struct maqet_strings *kept,
                        struct maqet_error **err)
{
    _cleanup_relocation_ struct maqet_relocation relocation = {0};
    bool committed;

    if (maqet_relocation_reopen(&relocation, job, err) < 0 ||
        maqet_relocation_is_committed(&relocation, &committed, err) < 0)
        return -1;
    if (maqet_relocation_is_live(&relocation) &&
        maqet_relocation_settle_live(&relocation, job->journal.phase, committed, err) < 0)
        return -1;
    maqet_strings_addf(kept, "the file %s", committed ? relocation.from : relocation.to);
    return 0;
}
