/* SPDX-License-Identifier: MIT */
#include "core/job/recover.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/procfs.h"
#include "core/base/process.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"

static const int64_t SECOND = 1000000000; /* in ns */

/* s between two signs of life of a job (seal.c), and some more. */
static const int64_t SIGN_SLACK = 3;

/* ms until a QEMU that has closed its monitor ends. */
static const int64_t ENDING_TIMEOUT = 5000;

/* ---- words ---- */

/* " on 2026-01-31 12:00:00", in local time; empty if it is not known. */
static char *
format_moment(int64_t time)
{
    time_t seconds = (time_t)(time / SECOND);
    char text[32];
    struct tm local;

    if (time <= 0 || !localtime_r(&seconds, &local) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
        return maqet_strdup("");
    return maqet_format(" on %s", text);
}

/* "load of snapshot 'keep' was interrupted on 2026-01-31 12:00:00". The caller frees. */
static char *
interruption_text(const struct maqet_journal *journal)
{
    _cleanup_free_ char *job = maqet_journal_title(journal);
    _cleanup_free_ char *when =
        format_moment(journal->interrupted ? journal->interrupted : journal->touched);

    return maqet_format("%s was interrupted%s", job, when);
}

/* What finishing the job does, with its name and drives filled in. The caller frees. */
static char *
finish_text(const struct maqet_journal *journal)
{
    const struct maqet_job_phase *phase = maqet_journal_phase(journal);
    bool several = journal->target_count > 1;
    const char *words =
        several && phase->finishing_several ? phase->finishing_several : phase->finishing;
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const char *brace; (brace = strchr(words, '{'));
         words = strchr(brace, '}') + 1) {
        maqet_text_append_bytes(&text, words, (size_t)(brace - words));
        if (maqet_text_starts(brace, "{name}")) {
            maqet_text_append(&text, journal->name);
            continue;
        }
        maqet_text_append(&text, journal->target_count == 1 ? "drive " : "drives ");
        for (size_t i = 0; i < journal->target_count; i++)
            maqet_text_appendf(&text, "%s'%s'", i > 0 ? ", " : "",
                               journal->targets[i].name);
    }
    maqet_text_append(&text, words);
    return maqet_text_take(&text);
}

/* ---- what has changed since ---- */

/*
 * Whether the job itself wrote an image's content. Without a seal, as after a power cut, a
 * step may be incomplete: what was last written while the job gave signs of life, before
 * the host was rebooted, is its own, too.
 */
static bool
is_own_content(const struct maqet_journal *journal, const struct maqet_file_state *left,
               const struct maqet_file_state *now, bool same_boot)
{
    return maqet_file_state_same_content(left, now) ||
           (!journal->sealed && !same_boot && now->modified >= journal->begun &&
            now->modified <= journal->touched + SIGN_SLACK * SECOND);
}

bool
maqet_job_written_since(const struct maqet_job *job, const char *path)
{
    const struct maqet_journal *journal = &job->journal;
    struct maqet_file_state now;

    if (job->own)
        return false;
    if (!path || journal->copied || !maqet_file_state_read(path, &now) || !now.known)
        return true;
    /* The kernel's clock for files is a little behind. */
    return now.modified < journal->begun - SECOND ||
           now.modified > (journal->interrupted ? journal->interrupted
                                                : journal->touched + SIGN_SLACK * SECOND);
}

static void
add_file_change(const struct maqet_journal *journal,
                const struct maqet_job_target *target, struct maqet_strings *changes)
{
    const char *name = target->name, *path = target->path;
    struct maqet_file_state now;
    bool same_boot = maqet_journal_same_boot(journal);
    bool reverts = maqet_journal_phase(journal)->reverts;

    if (!maqet_file_state_read(path, &now)) {
        maqet_strings_addf(changes, "drive '%s': %s is missing", name, path);
    } else if (!now.known && !target->state.known) {
        if (reverts)
            maqet_strings_addf(changes,
                               "drive '%s': %s is no regular file, so it cannot be "
                               "determined whether it was written to since",
                               name, path);
    } else if (!maqet_file_state_same_file(&target->state, &now, same_boot)) {
        maqet_strings_addf(changes, "drive '%s': %s was replaced by another file", name,
                           path);
    } else if (reverts && !is_own_content(journal, &target->state, &now, same_boot)) {
        _cleanup_free_ char *when = format_moment(now.modified);

        maqet_strings_addf(changes, "drive '%s': %s was written to since, last%s", name,
                           path, when);
    }
}

static void
add_drive_change(const struct maqet_job *job, size_t index, struct maqet_strings *changes)
{
    const struct maqet_job_target *target = &job->journal.targets[index];
    const struct maqet_drive *drive = maqet_job_drive(job, index);

    if (!drive) {
        maqet_strings_addf(changes, "drive '%s' is no longer a drive of the VM",
                           target->name);
    } else if (maqet_drive_is_unknown(drive)) {
        maqet_strings_addf(changes, "drive '%s' cannot be inspected: %s", target->name,
                           drive->fault->message);
    } else if (target->path && (!drive->path || strcmp(target->path, drive->path) != 0)) {
        maqet_strings_addf(changes, "drive '%s' was %s, and is %s now", target->name,
                           target->path, drive->path ? drive->path : "no file");
    } else if (target->path) {
        add_file_change(&job->journal, target, changes);
    } else if (maqet_journal_phase(&job->journal)->reverts && !drive->overlays) {
        /* With overlays, a new one takes the place of the present one: the storage stays as it is. */
        maqet_strings_addf(changes,
                           "drive '%s' lies elsewhere, so it cannot be determined "
                           "whether it was written to since",
                           target->name);
    }
}

/* Adds what is not as the job left it, a phrase for each image. */
static void
list_changes(const struct maqet_job *job, struct maqet_strings *changes)
{
    const struct maqet_journal *journal = &job->journal;

    if (!journal->boot) {
        maqet_strings_add(changes, "it was begun by an earlier version of maqet, "
                                   "which did not record the state of the images");
        return;
    }
    if (journal->copied)
        maqet_strings_add(changes, "the data folder is a copy, or was restored from a "
                                   "backup, so the state of the images is unknown");
    for (size_t i = 0; i < journal->target_count; i++)
        add_drive_change(job, i, changes);
}

/* A recovery must not undo or discard what was done to the images since. */
static int
check_unchanged(const struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;
    const char *vm = job->machine->name;

    list_changes(job, &changes);
    if (changes.count == 0)
        return 0;
    _cleanup_free_ char *what = interruption_text(&job->journal);
    _cleanup_free_ char *list = maqet_strings_join(&changes, "\n");
    _cleanup_free_ char *finish = finish_text(&job->journal);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s': %s, and something has changed since. The images have "
                    "not been changed.\n%s",
                    vm, what, list);
    maqet_error_next(err, MAQET_NEXT_FINISH, vm, finish, NULL);
    return maqet_error_next(err, MAQET_NEXT_FORGET, vm, NULL);
}

/* ---- whether it is possible ---- */

/* Drives revert while QEMU does not run, and it is not started before they have reverted:
 * so a QEMU that runs was not started by this job. */
static int
check_stopped(const struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_opened *machine = job->machine;

    if (machine->run.pid == 0 || !maqet_journal_phase(&job->journal)->reverts)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is running (PID %d)", machine->name,
                    machine->run.pid);
    return maqet_error_next(err, MAQET_NEXT_STOP, machine->name, NULL);
}

/* Whether nobody uses what the recovery writes to. */
static int
check_unused(const struct maqet_job *job, const struct maqet_drive *drive,
             struct maqet_error **err)
{
    const struct maqet_vm *vm = job->machine->vm;

    /* It adds an overlay to those on which forks may stand, which it does not change. */
    return job->journal.kind->saved_state && drive->overlays
               ? maqet_holders_check_top(vm, drive, err)
               : maqet_holders_check(vm, drive, err);
}

/* Without an image not even a recovery that the user has agreed to is possible, unless QEMU
 * runs, which may still have it open. */
static int
check_image(const struct maqet_job *job, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    const char *vm = job->machine->name;

    if (!drive->path || access(drive->path, F_OK) == 0 || errno != ENOENT)
        return check_unused(job, drive, err);
    maqet_error_set(err, MAQET_ERROR_MISSING, "drive '%s': %s is missing", drive->name,
                    drive->path);
    maqet_error_next(err, MAQET_NEXT_MOUNT_AND_FINISH, vm, NULL);
    return maqet_error_next(err, MAQET_NEXT_FORGET, vm, NULL);
}

/* Whether all drives can be used, as none of them can be left out. */
static int
check_drives(const struct maqet_job *job, struct maqet_error **err)
{
    bool runs = job->machine->run.pid > 0;
    bool needs_images = !maqet_journal_phase(&job->journal)->without_images;

    for (size_t i = 0; i < job->journal.target_count; i++) {
        const struct maqet_drive *drive = maqet_job_drive(job, i);

        if (!drive)
            continue;
        if (needs_images &&
            maqet_drive_check_fault(drive, runs ? MAQET_FAULT_ENTRY : MAQET_FAULT_STORAGE,
                                    err) < 0)
            return -1;
        if (!runs && !maqet_drive_is_unknown(drive) && check_image(job, drive, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- recovering ---- */

static int
recover_once(struct maqet_job *job, struct maqet_error **err)
{
    return !maqet_opened_vm(job->machine, err) || check_drives(job, err) < 0 ||
                   check_stopped(job, err) < 0 || maqet_job_resume(job, err) < 0
               ? -1
               : job->journal.kind->recover(job, err);
}

/* A QEMU whose load was killed may be about to end. Then the machine is stopped, which
 * takes a different recovery. */
static int
recover_stopping(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (recover_once(job, &reason) == 0)
        return 0;
    /* QEMU closes its monitor before it ends. */
    if (machine->run.pid == 0 || reason->code != MAQET_ERROR_STATE ||
        !maqet_pidfd_wait(machine->run.pidfd, ENDING_TIMEOUT))
        return maqet_error_move(err, TAKE_PTR(reason));
    return maqet_opened_look(machine, err) < 0 ? -1 : recover_once(job, err);
}

/* Recovers it without asking. */
static int
recover_now(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_free_ char *what = maqet_journal_title(&job->journal);

    if (recover_stopping(job, err) == 0)
        return 0;
    return maqet_error_wrap(err, "VM '%s': %s was interrupted, and cannot be recovered",
                            job->machine->name, what);
}

int
maqet_job_fail(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_job_hint_space(job, err);
    bool interrupted = err && *err && (*err)->signal;
    /* It was not begun. */
    if (!job->journal.kind) {
        if (interrupted)
            maqet_error_remark(err, "Nothing has been changed");
        return -1;
    }
    /* One that arrives now has nothing more to undo, and that would not be complete. */
    maqet_interrupt_defer(true);
    bool recovered =
        maqet_opened_look(job->machine, &reason) == 0 && recover_now(job, &reason) == 0;
    maqet_interrupt_defer(false);
    if (recovered) {
        /* What was changed has been said by those who have undone it. */
        if (interrupted)
            maqet_error_remark(err, job->said ? "What was done about it is said above"
                                              : "Nothing of it is left");
        return -1;
    }
    maqet_error_remark(err, "What it left behind could not be recovered: %s",
                       reason->message);
    return maqet_error_next(err, MAQET_NEXT_RECOVER_OR_GO_ON, job->machine->name, NULL);
}

/* Recovers jobs of the kinds that have their own file. */
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

/* Recovers what is pending, if the user has agreed or nothing has changed. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    if (job->damage)
        return maqet_error_copy(err, job->damage);
    if (!job->journal.kind)
        return 0;
    if (!maqet_opened_vm(job->machine, err) ||
        (!job->agreed && check_unchanged(job, err) < 0))
        return -1;
    return recover_now(job, err);
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
        _cleanup_free_ char *text = interruption_text(&job.journal);
        interruption->what = maqet_format("VM '%s': %s", machine->name, text);
        interruption->finish = finish_text(&job.journal);
        list_changes(&job, &interruption->changes);
    }
    return 0;
}

static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    const struct maqet_job_kind *kind = job->journal.kind;

    /* Its content may matter once it can be read again. */
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

/* ---- for commands that only look ---- */

void
maqet_interrupted_warn(const struct maqet_job *job)
{
    const struct maqet_opened *machine = job->machine;

    _cleanup_error_ struct maqet_error *notice = NULL;

    /* Without the lock: the job is in progress. */
    if (machine->lock < 0 || (!job->damage && !job->journal.kind))
        return;
    if (job->damage) {
        maqet_error_set(&notice, MAQET_ERROR_FAILED, "%s", job->damage->message);
        maqet_error_next(&notice, MAQET_NEXT_FORGET_OPERATION, machine->name, NULL);
    } else {
        _cleanup_free_ char *what = interruption_text(&job->journal);
        maqet_error_set(&notice, MAQET_ERROR_STATE, "VM '%s': %s", machine->name, what);
        maqet_error_next(&notice, MAQET_NEXT_RECOVER, machine->name, NULL);
    }
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, notice);
}
