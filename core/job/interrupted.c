/* SPDX-License-Identifier: MIT */
#include "core/job/interrupted.h"

#include <string.h>
#include <time.h>

static const int64_t SECOND = 1000000000; /* in ns */

/* s between two signs of life of a job (seal.c), and some to spare. */
static const int64_t SIGN_SLACK = 3;

/* ---- words ---- */

/* " on 2026-01-31 12:00:00", in local time; empty where it is not known. */
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

char *
maqet_interrupted_text(const struct maqet_journal *journal)
{
    _cleanup_free_ char *job = maqet_journal_title(journal);
    _cleanup_free_ char *when =
        format_moment(journal->interrupted ? journal->interrupted : journal->touched);

    return maqet_format("%s was interrupted%s", job, when);
}

char *
maqet_interrupted_finish_text(const struct maqet_journal *journal)
{
    _cleanup_text_ struct maqet_text drives = MAQET_TEXT_INIT;

    maqet_text_append(&drives, journal->target_count == 1 ? "drive " : "drives ");
    for (size_t i = 0; i < journal->target_count; i++)
        maqet_text_appendf(&drives, "%s'%s'", i > 0 ? ", " : "",
                           journal->targets[i].name);
    return maqet_journal_phase(journal)->finishing(journal, drives.data);
}

/* ---- what is not as it was left ---- */

/*
 * Whether an image's content is the job's own. Without a seal, as after a power cut, a
 * step may have been cut short: what was last written while the job gave signs of life,
 * before the host was started again, is its own too.
 */
static bool
is_own_content(const struct maqet_journal *journal, const struct maqet_file_state *left,
               const struct maqet_file_state *now, bool same_boot)
{
    if (maqet_file_state_same_content(left, now))
        return true;
    return !journal->sealed && !same_boot && now->modified >= journal->begun &&
           now->modified <= journal->touched + SIGN_SLACK * SECOND;
}

static void
add_file_change(const struct maqet_journal *journal,
                const struct maqet_job_target *target, struct maqet_strings *changes)
{
    struct maqet_file_state now;
    bool same_boot = maqet_journal_same_boot(journal);
    bool reverts = maqet_journal_phase(journal)->reverts;

    if (!maqet_file_state_read(target->path, &now)) {
        maqet_strings_addf(changes, "drive '%s': %s is missing", target->name,
                           target->path);
        return;
    }
    if (!now.known && !target->state.known) {
        if (reverts)
            maqet_strings_addf(changes,
                               "drive '%s': %s is no regular file, so it cannot be "
                               "determined whether it was written to since",
                               target->name, target->path);
        return;
    }
    if (!maqet_file_state_same_file(&target->state, &now, same_boot)) {
        maqet_strings_addf(changes, "drive '%s': %s was replaced by another file",
                           target->name, target->path);
        return;
    }
    if (reverts && !is_own_content(journal, &target->state, &now, same_boot)) {
        _cleanup_free_ char *when = format_moment(now.modified);

        maqet_strings_addf(changes, "drive '%s': %s was written to since, last%s",
                           target->name, target->path, when);
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
    } else if (maqet_journal_phase(&job->journal)->reverts) {
        maqet_strings_addf(changes,
                           "drive '%s' lies elsewhere, so it cannot be determined "
                           "whether it was written to since",
                           target->name);
    }
}

void
maqet_interrupted_changes(const struct maqet_job *job, struct maqet_strings *changes)
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

/* ---- stop and ask ---- */

int
maqet_interrupted_check(const struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;
    const char *vm = job->machine->name;

    maqet_interrupted_changes(job, &changes);
    if (changes.count == 0)
        return 0;
    _cleanup_free_ char *what = maqet_interrupted_text(&job->journal);
    _cleanup_free_ char *list = maqet_strings_join(&changes, "\n");
    _cleanup_free_ char *finish = maqet_interrupted_finish_text(&job->journal);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s': %s, and something has changed since. The images have "
                    "not been changed.\n%s",
                    vm, what, list);
    maqet_error_next(err, MAQET_NEXT_FINISH, vm, finish, NULL);
    maqet_error_next(err, MAQET_NEXT_FORGET, vm, NULL);
    return -1;
}

void
maqet_interrupted_warn(const struct maqet_job *job)
{
    const struct maqet_opened *machine = job->machine;

    /* Whoever has the lock is just working on it. */
    if (machine->lock < 0)
        return;
    _cleanup_error_ struct maqet_error *notice = NULL;
    if (job->damage) {
        maqet_error_set(&notice, MAQET_ERROR_FAILED, "%s", job->damage->message);
        maqet_error_next(&notice, MAQET_NEXT_FORGET_OPERATION, machine->name, NULL);
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, notice);
        return;
    }
    if (!job->journal.kind)
        return;
    _cleanup_free_ char *what = maqet_interrupted_text(&job->journal);
    maqet_error_set(&notice, MAQET_ERROR_STATE, "VM '%s': %s", machine->name, what);
    maqet_error_next(&notice, MAQET_NEXT_RECOVER, machine->name, NULL);
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, notice);
}
