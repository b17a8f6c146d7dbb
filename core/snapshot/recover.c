/* SPDX-License-Identifier: MIT */
/*
 * recover.c - what users decide about an interrupted operation: to have it put right, to
 * have it finished whatever happened to the images since, or to leave them as they are.
 */
#include <string.h>

#include "core/machine/checkpoint_files.h"
#include "core/qemu/migration.h"
#include "core/snapshot/interrupted.h"
#include "core/snapshot/saved_state.h"

void
maqet_interruption_clear(struct maqet_interruption *interruption)
{
    free(interruption->what);
    free(interruption->finish);
    maqet_strings_clear(&interruption->changes);
    *interruption = (struct maqet_interruption){0};
}

int
maqet_snapshot_interruption(const struct maqet_context *context, const char *vm,
                            struct maqet_interruption *interruption,
                            struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, true, err);

    if (!session)
        return -1;
    if (session->damage) {
        interruption->what = maqet_strdup(session->damage->message);
    } else if (session->journal.operation != MAQET_OPERATION_NONE) {
        _cleanup_free_ char *text = maqet_interrupted_text(&session->journal);
        interruption->what = maqet_format("VM '%s': %s", session->machine->name, text);
        interruption->finish = maqet_interrupted_finish_text(&session->journal);
        maqet_interrupted_changes(session, &interruption->changes);
    }
    return 0;
}

/* ---- leaving it as it is ---- */

/* The guest may stand still for a checkpoint that nobody will complete, and its memory,
 * as far as it was written, is of no use. */
static int
abandon_checkpoint(struct maqet_session *session, struct maqet_error **err)
{
    const char *name = session->journal.name;
    struct maqet_qmp *qmp = session->machine->run.pid > 0
                                ? maqet_monitor_connect(session->machine, err)
                                : NULL;

    if (session->machine->run.pid > 0 && (!qmp || maqet_migration_abandon(qmp, err) < 0))
        return -1;
    return maqet_state_file_exists(session->machine->context, session->machine->name,
                                   name)
               ? 0
               : maqet_state_file_remove(session->machine->context,
                                         session->machine->name, name, err);
}

static void
add_kept(const struct maqet_session *session, const char *name, const char *what,
         struct maqet_strings *kept)
{
    for (size_t i = 0; name && i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];

        if (maqet_snapshots_find(&member->snapshots, name, NULL))
            maqet_strings_addf(kept,
                               "the snapshot '%s' of drive '%s', %s; once you don't need "
                               "it: maqet snapshot %s delete %s %s",
                               name, member->drive->name, what, session->machine->name,
                               member->drive->name, name);
    }
}

/* Adds what the operation has left in one drive. */
static void
list_kept_in(struct maqet_session *session, const char *drive, struct maqet_strings *kept)
{
    const struct maqet_journal *journal = &session->journal;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_strings_add(&drives, drive);
    maqet_session_choose_listed(session, &drives);
    if (maqet_session_refresh(session, &reason) < 0) {
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "VM '%s': which snapshots were left in drive '%s' can't be "
                          "told: %s",
                          session->machine->name, drive, reason->message);
        return;
    }
    add_kept(session, MAQET_SAVED_STATE, "its state before the load", kept);
    add_kept(session, journal->stand_in, "which was to replace another one", kept);
    if (journal->operation == MAQET_OPERATION_CREATE ||
        journal->operation == MAQET_OPERATION_CHECKPOINT)
        add_kept(session, journal->name, "which other drives may lack", kept);
}

/* What the operation has left is a snapshot like others from now on, since it may be the
 * only one that has what the user wants. So it is named for each drive, whether or not
 * the others, or QEMU, can be asked. */
static void
list_kept(struct maqet_session *session, struct maqet_strings *kept)
{
    session->machine->on_silence = MAQET_ON_SILENCE_READ;
    for (size_t i = 0; i < session->journal.drive_count; i++)
        list_kept_in(session, session->journal.drives[i].name, kept);
}

/* The images are left alone, but no guest that is paused for the operation: nobody would
 * come back to it. */
static int
leave_qemu(struct maqet_session *session, struct maqet_error **err)
{
    switch (session->journal.operation) {
    case MAQET_OPERATION_CHECKPOINT:
        return abandon_checkpoint(session, err);
    case MAQET_OPERATION_RESUME:
        return maqet_session_repair_resume(session, err);
    default:
        return 0;
    }
}

static int
forget_operation(struct maqet_session *session, struct maqet_strings *kept,
                 struct maqet_error **err)
{
    /* What it says may matter once it can be read again. */
    if (session->journal.unread) {
        maqet_error_copy(err, session->damage);
        return -1;
    }
    if (leave_qemu(session, err) < 0)
        return -1;
    if (!session->damage)
        list_kept(session, kept);
    return maqet_session_done(session, err);
}

/* ---- the whole ---- */

int
maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                       enum maqet_recovery_way way, bool *pending,
                       struct maqet_strings *kept, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, true, err);

    if (!session)
        return -1;
    *pending = session->damage || session->journal.operation != MAQET_OPERATION_NONE;
    session->agreed = way == MAQET_RECOVERY_FINISH;
    if (*pending && way == MAQET_RECOVERY_FORGET)
        return forget_operation(session, kept, err);
    return maqet_session_repair(session, err);
}
