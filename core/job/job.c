/* SPDX-License-Identifier: MIT */
#include "core/job/job.h"

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/machine/bases.h"
#include "core/machine/bases_elsewhere.h"
#include "core/machine/check.h"
#include "core/machine/events.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"
#include "core/storage/space.h"

void
maqet_job_find(struct maqet_job *job, struct maqet_opened *machine)
{
    *job = (struct maqet_job){.machine = machine};
    maqet_journal_read(machine->context, machine->name, &job->journal, &job->damage);
}

void
maqet_job_clear(struct maqet_job *job)
{
    maqet_seal_end(&job->seal, false);
    maqet_journal_clear(&job->journal);
    maqet_error_free(TAKE_PTR(job->damage));
}

const struct maqet_drive *
maqet_job_drive(const struct maqet_job *job, size_t target)
{
    return maqet_vm_find_drive(job->machine->vm, job->journal.targets[target].name, NULL);
}

/* ---- a job ---- */

void
maqet_job_plan(struct maqet_job *job, const struct maqet_job_kind *kind, const char *name)
{
    maqet_journal_clear(&job->journal);
    job->journal.kind = kind;
    job->journal.name = maqet_strdup(name);
}

void
maqet_job_add_target(struct maqet_job *job, const struct maqet_drive *drive,
                     const struct maqet_snapshot *snapshot)
{
    struct maqet_job_target *target =
        maqet_journal_add_target(&job->journal, drive->name, drive->path);

    if (!snapshot)
        return;
    target->has_snapshot = true;
    target->snapshot.id = maqet_strdup(snapshot->id);
    target->snapshot.seconds = snapshot->seconds;
    target->snapshot.nanoseconds = snapshot->nanoseconds;
}

/* Whether no image would make the job fail halfway, and no other file depends on one. */
static int
check_targets(const struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_opened *machine = job->machine;
    const struct maqet_journal *journal = &job->journal;
    bool makes_snapshots = journal->kind->makes_snapshots ||
                           (journal->kind->saved_state && journal->target_count > 1);

    for (size_t i = 0; machine->run.pid == 0 && i < journal->target_count; i++)
        if (maqet_holders_check(machine->vm, maqet_job_drive(job, i), err) < 0)
            return -1;
    for (size_t i = 0; i < journal->target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if ((machine->run.pid == 0 &&
             (maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0 ||
              maqet_vm_check_drive(machine->vm, drive, err) < 0 ||
              maqet_bases_check_unused(drive, err) < 0 ||
              (!drive->overlays && maqet_bases_check_elsewhere(drive, err) < 0))) ||
            (makes_snapshots && maqet_drive_snapshot_can_create(drive, err) < 0))
            return -1;
    }
    return 0;
}

/* Writes the journal with the images' present state. */
static int
write_journal(struct maqet_job *job, struct maqet_error **err)
{
    maqet_journal_record(&job->journal);
    return maqet_journal_write(job->machine->context, job->machine->name, &job->journal,
                               err);
}

static int
begin(struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_opened *machine = job->machine;

    /* A job that does not block a start may be pending still. */
    if (maqet_opened_check_pending(machine, err) < 0 || check_targets(job, err) < 0)
        return -1;
    job->journal.begun = maqet_realtime();
    if (write_journal(job, err) == 0 && maqet_seal_begin(&job->seal, machine, err) == 0)
        return 0;
    /* It may exist even if writing it has failed. */
    (void)maqet_journal_remove(machine->context, machine->name, NULL);
    return -1;
}

/* Records an event for people. */
static void
note(const struct maqet_job *job, const char *event)
{
    _cleanup_free_ char *title =
        job->journal.kind ? maqet_journal_title(&job->journal) : NULL;

    if (title)
        maqet_event_note(job->machine->context, job->machine->name, event, title);
}

int
maqet_job_begin(struct maqet_job *job, struct maqet_error **err)
{
    job->own = begin(job, err) == 0;
    /* The targets stay, for hints about them. */
    if (!job->own)
        job->journal.kind = NULL;
    else
        note(job, "job-begun");
    return job->own ? 0 : -1;
}

/* A phase that could not be recorded may have been written, and only not have reached the disk; but the
 * recovery that follows must be that of the phase before. */
static int
go_back(struct maqet_job *job, size_t before)
{
    job->journal.phase = before;
    (void)write_journal(job, NULL);
    return -1;
}

int
maqet_job_phase(struct maqet_job *job, size_t phase, struct maqet_error **err)
{
    size_t before = job->journal.phase;

    job->journal.phase = phase;
    return write_journal(job, err) == 0 ? 0 : go_back(job, before);
}

int
maqet_job_phase_draft(struct maqet_job *job, size_t phase,
                      struct maqet_replacement *draft, struct maqet_error **err)
{
    size_t before = job->journal.phase;

    job->journal.phase = phase;
    maqet_journal_record(&job->journal);
    int result = maqet_journal_draft(job->machine->context, job->machine->name,
                                     &job->journal, draft, err);
    job->journal.phase = before;
    return result;
}

int
maqet_job_phase_enter(struct maqet_job *job, size_t phase,
                      struct maqet_replacement *draft, struct maqet_error **err)
{
    size_t before = job->journal.phase;

    job->journal.phase = phase;
    return maqet_replacement_rename(draft, err) == 0 ? 0 : go_back(job, before);
}

int
maqet_job_done(struct maqet_job *job, struct maqet_error **err)
{
    note(job, "job-ended");
    maqet_journal_clear(&job->journal);
    job->own = false;
    if (maqet_journal_remove(job->machine->context, job->machine->name, err) < 0)
        return -1;
    maqet_seal_end(&job->seal, true);
    return 0;
}

int
maqet_job_begin_in(struct maqet_job *job, const char *folder, struct maqet_error **err)
{
    job->journal.begun = maqet_realtime();
    maqet_journal_record(&job->journal);
    return maqet_journal_write_in(folder, &job->journal, err);
}

int
maqet_job_take(struct maqet_job *job, struct maqet_error **err)
{
    job->own = maqet_seal_begin(&job->seal, job->machine, err) == 0;
    return job->own ? 0 : -1;
}

void
maqet_job_take_alone(struct maqet_job *job)
{
    job->own = true;
}

void
maqet_job_gone(struct maqet_job *job)
{
    maqet_journal_clear(&job->journal);
    job->own = false;
    maqet_seal_end(&job->seal, true);
}

void
maqet_job_hint_space(const struct maqet_job *job, struct maqet_error **err)
{
    for (size_t i = 0; i < job->journal.target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if (drive)
            maqet_image_hint_space(drive, err);
    }
}

/* ---- for recovery ---- */

int
maqet_job_resume(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_journal *journal = &job->journal;

    /* A job of ours that failed has its child, if it needs one, and to undo it, nothing need be written. The journal of
     * an earlier maqet is not changed. */
    if (job->own || job->seal.pid > 0 || !journal->boot)
        return 0;
    for (size_t i = 0; i < journal->target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if (!drive)
            continue;
        free(journal->targets[i].path);
        journal->targets[i].path = maqet_strdup(drive->path);
    }
    if (!journal->interrupted)
        journal->interrupted = journal->touched;
    journal->sealed = false;
    return write_journal(job, err) < 0 ? -1
                                       : maqet_seal_begin(&job->seal, job->machine, err);
}

void
maqet_job_say(struct maqet_job *job, const char *what)
{
    _cleanup_free_ char *name = maqet_journal_title(&job->journal);

    job->said = true;
    maqet_context_say(job->machine->context, MAQET_LEVEL_WARNING,
                      "VM '%s': %s was interrupted; %s", job->machine->name, name, what);
}

void
maqet_job_say_nothing_left(struct maqet_job *job, const char *what)
{
    if (!job->own)
        maqet_job_say(job, what);
}
