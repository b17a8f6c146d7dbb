/* SPDX-License-Identifier: MIT */
#include "core/job/recover.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/pidfd.h"
#include "core/base/process.h"
#include "core/job/interrupted.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"

/* ms that a QEMU which has closed its monitor may take to end. */
static const int64_t ENDING_TIMEOUT = 5000;

/* ---- may it go on ---- */

/* Whether the drives can be worked on: what is to be put right can't be left out. */
static int
check_drives(const struct maqet_job *job, struct maqet_error **err)
{
    bool runs = job->machine->run.pid > 0;

    if (maqet_journal_phase(&job->journal)->without_images)
        return 0;
    for (size_t i = 0; i < job->journal.target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if (drive && (runs ? maqet_drive_check_known(drive, err)
                           : maqet_drive_check_storage(drive, err)) < 0)
            return -1;
    }
    return 0;
}

/* Drives revert while QEMU does not run, and it is not started before that has come to an
 * end; so one that runs is none that this job knows of. */
static int
check_stopped(const struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_opened *machine = job->machine;

    if (machine->run.pid == 0 || !maqet_journal_phase(&job->journal)->reverts)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is running (PID %d)", machine->name,
                    machine->run.pid);
    maqet_error_next(err, MAQET_NEXT_STOP, machine->name, NULL);
    return -1;
}

/* An image that is missing while QEMU, which could still have it open, does not run: not
 * even a recovery that the user agreed to goes on. */
static int
check_image(const struct maqet_job *job, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    const char *vm = job->machine->name;

    if (!drive->path || access(drive->path, F_OK) == 0 || errno != ENOENT)
        return maqet_holders_check(job->machine->vm, drive, err);
    maqet_error_set(err, MAQET_ERROR_MISSING, "drive '%s': %s is missing", drive->name,
                    drive->path);
    maqet_error_next(err, MAQET_NEXT_MOUNT_AND_FINISH, vm, NULL);
    maqet_error_next(err, MAQET_NEXT_FORGET, vm, NULL);
    return -1;
}

static int
check_images(const struct maqet_job *job, struct maqet_error **err)
{
    for (size_t i = 0; job->machine->run.pid == 0 && i < job->journal.target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if (drive && !maqet_drive_is_unknown(drive) && check_image(job, drive, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- putting it right ---- */

static int
recover_once(struct maqet_job *job, struct maqet_error **err)
{
    return !maqet_opened_vm(job->machine, err) || check_drives(job, err) < 0 ||
                   check_stopped(job, err) < 0 || check_images(job, err) < 0 ||
                   maqet_job_resume(job, err) < 0
               ? -1
               : job->journal.kind->recover(job, err);
}

/* A QEMU whose load was killed may just be ending: then the machine is stopped, and what
 * is to be done is another thing. */
static int
recover_at_rest(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (recover_once(job, &reason) == 0)
        return 0;
    /* Its monitor is closed before it is gone. */
    if (machine->run.pid == 0 || reason->code != MAQET_ERROR_STATE ||
        !maqet_pidfd_wait(machine->run.pidfd, ENDING_TIMEOUT))
        return maqet_error_move(err, TAKE_PTR(reason));
    return maqet_opened_look(machine, err) < 0 ? -1 : recover_once(job, err);
}

/* Without asking. */
static int
put_right(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_free_ char *what = maqet_journal_title(&job->journal);

    if (recover_at_rest(job, err) == 0)
        return 0;
    return maqet_error_wrap(err, "VM '%s': %s was interrupted, and cannot be recovered",
                            job->machine->name, what);
}

int
maqet_job_fail(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_job_hint_space(job, err);
    /* Nothing had begun. */
    if (!job->journal.kind)
        return -1;
    if (maqet_opened_look(job->machine, &reason) == 0 && put_right(job, &reason) == 0)
        return -1;
    maqet_error_remark(err, "What it left behind could not be recovered: %s",
                       reason->message);
    maqet_error_next(err, MAQET_NEXT_RECOVER_OR_GO_ON, job->machine->name, NULL);
    return -1;
}

/* Kinds that are recorded in a file of their own. */
static int
recover_others(struct maqet_opened *machine, struct maqet_error **err)
{
    const struct maqet_job_kind *const *kind = machine->context->job_kinds;

    for (; kind && *kind; kind++) {
        _cleanup_free_ char *path =
            (*kind)->file
                ? maqet_store_file(machine->context, machine->name, (*kind)->file)
                : NULL;
        _cleanup_job_ struct maqet_job job = {.machine = machine};

        if (path && !maqet_file_missing(path) && (*kind)->recover(&job, err) < 0)
            return -1;
    }
    return 0;
}

/* What is pending, by the user's word or without it. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    if (job->damage)
        return maqet_error_copy(err, job->damage);
    if (!job->journal.kind)
        return 0;
    if (!maqet_opened_vm(job->machine, err) ||
        (!job->agreed && maqet_interrupted_check(job, err) < 0))
        return -1;
    return put_right(job, err);
}

int
maqet_job_recover(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_job_ struct maqet_job job;

    maqet_job_find(&job, machine);
    if (recover_others(machine, err) < 0)
        return -1;
    bool blocks = !job.journal.kind || job.journal.kind->blocks_start;
    if (recover(&job, &reason) == 0)
        return 0;
    if (blocks)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s", reason->message);
    return 0;
}

/* ---- what the user decides ---- */

void
maqet_interruption_clear(struct maqet_interruption *interruption)
{
    free(interruption->what);
    free(interruption->finish);
    maqet_strings_clear(&interruption->changes);
    *interruption = (struct maqet_interruption){0};
}

static struct maqet_opened *
open_pending(const struct maqet_context *context, const char *vm,
             struct maqet_error **err)
{
    return maqet_open(context, vm,
                      MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER |
                          MAQET_OPEN_VM | MAQET_OPEN_ALLOW_PENDING,
                      err);
}

int
maqet_job_interruption(const struct maqet_context *context, const char *vm,
                       struct maqet_interruption *interruption, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = open_pending(context, vm, err);
    _cleanup_job_ struct maqet_job job = {0};

    if (!machine)
        return -1;
    maqet_job_find(&job, machine);
    if (job.damage) {
        interruption->what = maqet_strdup(job.damage->message);
    } else if (job.journal.kind) {
        _cleanup_free_ char *text = maqet_interrupted_text(&job.journal);
        interruption->what = maqet_format("VM '%s': %s", machine->name, text);
        interruption->finish = maqet_interrupted_finish_text(&job.journal);
        maqet_interrupted_changes(&job, &interruption->changes);
    }
    return 0;
}

static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    const struct maqet_job_kind *kind = job->journal.kind;

    /* What it says may matter once it can be read again. */
    if (job->journal.unread)
        return maqet_error_copy(err, job->damage);
    if (kind && kind->forget && kind->forget(job, kept, err) < 0)
        return -1;
    return maqet_job_done(job, err);
}

int
maqet_job_decide(const struct maqet_context *context, const char *vm,
                 enum maqet_recovery_way way, bool *pending, struct maqet_strings *kept,
                 struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = open_pending(context, vm, err);
    _cleanup_job_ struct maqet_job job = {0};

    if (!machine)
        return -1;
    maqet_job_find(&job, machine);
    *pending = job.damage || job.journal.kind;
    job.agreed = way == MAQET_RECOVERY_FINISH;
    if (*pending && way == MAQET_RECOVERY_FORGET)
        return forget(&job, kept, err);
    return recover_others(machine, err) < 0 ? -1 : recover(&job, err);
}
