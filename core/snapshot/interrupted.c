/* SPDX-License-Identifier: MIT */
#include "core/snapshot/interrupted.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/storage/fault.h"

static const int64_t SECOND = 1000000000; /* in ns */

/* s by which a snapshot's date may come before its operation, since not every format
 * keeps fractions, and after its interruption: QEMU goes on with what it was told. */
static const int64_t DATE_BEFORE = 2;
static const int64_t DATE_AFTER = 60;

/* s between two signs of life of an operation (seal.c), and some to spare. */
static const int64_t SIGN_SLACK = 3;

/* ---- words ---- */

char *
maqet_interrupted_operation(const struct maqet_journal *journal)
{
    static const char *const operations[] = {
        [MAQET_OPERATION_CREATE] = "creation of snapshot",
        [MAQET_OPERATION_OVERWRITE] = "replacement of snapshot",
        [MAQET_OPERATION_CHECKPOINT] = "creation of checkpoint",
        [MAQET_OPERATION_PREPARE] = "load of snapshot",
        [MAQET_OPERATION_LOAD] = "load of snapshot",
        [MAQET_OPERATION_UNDO] = "load of snapshot",
        [MAQET_OPERATION_DELETE] = "deletion of snapshot",
        [MAQET_OPERATION_FORGET] = "deletion of checkpoint",
        [MAQET_OPERATION_RESUME] = "load of checkpoint",
    };

    return maqet_format("%s '%s'", operations[journal->operation], journal->name);
}

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
    _cleanup_free_ char *operation = maqet_interrupted_operation(journal);
    _cleanup_free_ char *when =
        format_moment(journal->interrupted ? journal->interrupted : journal->touched);

    return maqet_format("%s was interrupted%s", operation, when);
}

/* "drives 'hdd', 'data'". The caller frees. */
static char *
list_drives(const struct maqet_journal *journal)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, journal->drive_count == 1 ? "drive " : "drives ");
    for (size_t i = 0; i < journal->drive_count; i++)
        maqet_text_appendf(&text, "%s'%s'", i > 0 ? ", " : "", journal->drives[i].name);
    return maqet_text_take(&text);
}

char *
maqet_interrupted_finish_text(const struct maqet_journal *journal)
{
    _cleanup_free_ char *drives = list_drives(journal);

    switch (journal->operation) {
    case MAQET_OPERATION_LOAD:
        return maqet_format("reverts %s to snapshot '%s'%s; what was written since is "
                            "lost",
                            drives, journal->name,
                            journal->drive_count > 1
                                ? ", or to the state before the load if that fails"
                                : "");
    case MAQET_OPERATION_UNDO:
        return maqet_format("reverts %s to the state before the load; what was written "
                            "since is lost",
                            drives);
    case MAQET_OPERATION_DELETE:
    case MAQET_OPERATION_FORGET:
        return maqet_format("deletes snapshot '%s' from %s", journal->name, drives);
    case MAQET_OPERATION_PREPARE:
        return maqet_format("deletes what the load had saved on %s; nothing is reverted",
                            drives);
    case MAQET_OPERATION_RESUME:
        return maqet_strdup("lets the guest go on if QEMU has its memory, and ends QEMU "
                            "if not");
    default:
        return maqet_format("keeps '%s' if it is complete on %s, and deletes what there "
                            "is of it if not",
                            journal->name, drives);
    }
}

/* ---- what is not as it was left ---- */

/* Whether recovery reverts drives, and so discards what they hold. */
static bool
reverts_drives(const struct maqet_journal *journal)
{
    return journal->operation == MAQET_OPERATION_LOAD ||
           journal->operation == MAQET_OPERATION_UNDO;
}

/*
 * Whether an image's content is the operation's own. Without a seal, as after a power
 * cut, a step may have been cut short: what was last written while the operation gave
 * signs of life, before the host was started again, is its own too.
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
                const struct maqet_journal_drive *drive, struct maqet_strings *changes)
{
    struct maqet_file_state now;
    bool same_boot = maqet_journal_same_boot(journal);

    if (!maqet_file_state_read(drive->path, &now)) {
        maqet_strings_addf(changes, "drive '%s': %s is missing", drive->name,
                           drive->path);
        return;
    }
    if (!now.known && !drive->state.known) {
        if (reverts_drives(journal))
            maqet_strings_addf(changes,
                               "drive '%s': %s is no regular file, so it can't be told "
                               "whether it was written to since",
                               drive->name, drive->path);
        return;
    }
    if (!maqet_file_state_same_file(&drive->state, &now, same_boot)) {
        maqet_strings_addf(changes, "drive '%s': %s was replaced by another file",
                           drive->name, drive->path);
        return;
    }
    if (reverts_drives(journal) &&
        !is_own_content(journal, &drive->state, &now, same_boot)) {
        _cleanup_free_ char *when = format_moment(now.modified);

        maqet_strings_addf(changes, "drive '%s': %s was written to since, last%s",
                           drive->name, drive->path, when);
    }
}

static void
add_drive_change(const struct maqet_session *session,
                 const struct maqet_journal_drive *left, struct maqet_strings *changes)
{
    const struct maqet_drive *drive =
        maqet_vm_find_drive(session->machine->vm, left->name, NULL);

    if (!drive) {
        maqet_strings_addf(changes, "drive '%s' is no longer a drive of the VM",
                           left->name);
    } else if (maqet_drive_is_unknown(drive)) {
        maqet_strings_addf(changes, "drive '%s' can't be looked at: %s", left->name,
                           drive->fault->message);
    } else if (left->path && (!drive->path || strcmp(left->path, drive->path) != 0)) {
        maqet_strings_addf(changes, "drive '%s' was %s, and is %s now", left->name,
                           left->path, drive->path ? drive->path : "no file");
    } else if (left->path) {
        add_file_change(&session->journal, left, changes);
    } else if (reverts_drives(&session->journal)) {
        maqet_strings_addf(changes,
                           "drive '%s' lies elsewhere, so it can't be told whether it "
                           "was written to since",
                           left->name);
    }
}

void
maqet_interrupted_changes(const struct maqet_session *session,
                          struct maqet_strings *changes)
{
    const struct maqet_journal *journal = &session->journal;

    if (!journal->boot) {
        maqet_strings_add(changes, "an earlier maqet began it, which did not record the "
                                   "state of the images");
        return;
    }
    if (journal->copied)
        maqet_strings_add(changes, "the data folder is a copy, or was restored from a "
                                   "backup, which says nothing of the images now");
    for (size_t i = 0; i < journal->drive_count; i++)
        add_drive_change(session, &journal->drives[i], changes);
}

/* ---- stop and ask ---- */

int
maqet_interrupted_check(const struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;

    maqet_interrupted_changes(session, &changes);
    if (changes.count == 0)
        return 0;
    _cleanup_free_ char *what = maqet_interrupted_text(&session->journal);
    _cleanup_free_ char *list = maqet_strings_join(&changes, "\n");
    _cleanup_free_ char *finish = maqet_interrupted_finish_text(&session->journal);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s': %s, and something has changed since. The images were left "
                    "as they are now.\n%s",
                    session->machine->name, what, list);
    maqet_error_hint(err, "Finish it all the same: maqet recover %s --finish (this %s)",
                     session->machine->name, finish);
    maqet_error_hint(err, "Or leave the images as they are: maqet recover %s --forget",
                     session->machine->name);
    return -1;
}

int
maqet_interrupted_check_drives(const struct maqet_session *session,
                               struct maqet_error **err)
{
    const struct maqet_journal *journal = &session->journal;

    for (size_t i = 0;
         journal->operation != MAQET_OPERATION_RESUME && i < journal->drive_count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(session->machine->vm, journal->drives[i].name, NULL);

        if (drive &&
            (session->machine->run.pid > 0 ? maqet_drive_check_known(drive, err)
                                           : maqet_drive_check_storage(drive, err)) < 0)
            return -1;
    }
    return 0;
}

int
maqet_interrupted_check_images(const struct maqet_session *session,
                               struct maqet_error **err)
{
    for (size_t i = 0; session->machine->run.pid == 0 && i < session->count; i++) {
        const struct maqet_drive *drive = session->members[i].drive;

        if (!drive->path || access(drive->path, F_OK) == 0 || errno != ENOENT)
            continue;
        maqet_error_set(err, MAQET_ERROR_MISSING, "drive '%s': %s is missing",
                        drive->name, drive->path);
        maqet_error_hint(err,
                         "Mount its disk or move it back, and then: maqet recover %s "
                         "--finish",
                         session->machine->name);
        maqet_error_hint(err,
                         "Or leave the images as they are: maqet recover %s --forget",
                         session->machine->name);
        return -1;
    }
    return 0;
}

void
maqet_interrupted_warn(const struct maqet_session *session)
{
    /* Whoever has the lock is just working on it. */
    if (session->machine->lock < 0)
        return;
    if (session->damage) {
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "%s; to go on: maqet recover %s --forget",
                          session->damage->message, session->machine->name);
        return;
    }
    if (session->journal.operation == MAQET_OPERATION_NONE)
        return;
    _cleanup_free_ char *what = maqet_interrupted_text(&session->journal);
    maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                      "VM '%s': %s; to recover: maqet recover %s", session->machine->name,
                      what, session->machine->name);
}

/* ---- whose snapshot it is ---- */

bool
maqet_interrupted_owns(const struct maqet_session *session,
                       const struct maqet_member *member,
                       const struct maqet_snapshot *snapshot)
{
    const struct maqet_journal *journal = &session->journal;
    int64_t end = journal->interrupted ? journal->interrupted : journal->touched;

    /* We began it ourselves and have the lock ever since, or nothing was recorded. */
    if (session->began || !journal->boot)
        return true;
    if (snapshot == maqet_session_recorded(session, member))
        return true;
    if (journal->operation == MAQET_OPERATION_DELETE ||
        journal->operation == MAQET_OPERATION_FORGET)
        return false;
    /* What lies elsewhere is dated by another clock. */
    return !member->drive->path ||
           (snapshot->seconds >= journal->begun / SECOND - DATE_BEFORE &&
            snapshot->seconds <= end / SECOND + DATE_AFTER);
}
