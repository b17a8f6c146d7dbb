/* SPDX-License-Identifier: MIT */
/*
 * repair.c - what an interrupted operation has left is put right: by the next command
 * that changes something, or by itself when only a step of it has failed. What is found
 * in the images decides, so a repair that is interrupted in its turn is simply done
 * again. Where the images are not as the operation left them, it is the user who decides
 * (interrupted.c); nor is a later snapshot of the same name taken for the operation's.
 *
 * Creating: a set that is not complete is removed.
 *
 * Overwriting (create.c has the order of its steps): the stand-in was complete before the
 * first old snapshot went, and goes only when the new ones are complete. So when all
 * drives have a snapshot of the name, that is the set, old or new, and the stand-in goes;
 * and when the stand-in alone is complete, it is the new set: it gets the name.
 *
 * Loading: what has begun to revert is reverted to the end; the user was asked before. If
 * that fails, all drives go back to the state that was saved at first.
 *
 * Loading a checkpoint: when its drives have reverted, and QEMU was started, the guest
 * goes on if QEMU has been given the memory.
 *
 * Deleting goes on. A checkpoint is a set, and has a file of state besides.
 */
#include <string.h>

#include "core/base/pidfd.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/exports.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"
#include "core/qemu/migration.h"
#include "core/snapshot/interrupted.h"
#include "core/snapshot/saved_state.h"
#include "core/snapshot/session.h"

/* ms that a QEMU which has closed its monitor may take to end. */
static const int64_t ENDING_TIMEOUT = 5000;

static const struct maqet_snapshot *
tagged(const struct maqet_member *member, const char *tag)
{
    return tag ? maqet_snapshots_find(&member->snapshots, tag, NULL) : NULL;
}

/* Whether the operation has made, or was to delete, a snapshot that users know by the
 * name. */
static bool
is_own(const struct maqet_session *session, const struct maqet_member *member,
       const struct maqet_snapshot *snapshot, const char *name)
{
    return strcmp(maqet_session_name_of(session, member, snapshot), name) == 0 &&
           maqet_interrupted_owns(session, member, snapshot);
}

static size_t
count_named(const struct maqet_session *session, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < session->count; i++)
        count += maqet_session_find(session, &session->members[i], name, NULL) != NULL;
    return count;
}

/* On how many drives the operation's own, or what it was to replace, bears the name. */
static size_t
count_own(const struct maqet_session *session, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        bool found = false;

        for (size_t j = 0; j < member->snapshots.count && !found; j++)
            found = is_own(session, member, member->snapshots.items[j], name);
        count += found;
    }
    return count;
}

static size_t
count_tagged(const struct maqet_session *session, const char *tag)
{
    size_t count = 0;

    for (size_t i = 0; i < session->count; i++)
        count += tagged(&session->members[i], tag) != NULL;
    return count;
}

static void
say(const struct maqet_session *session, const char *what)
{
    _cleanup_free_ char *operation = maqet_interrupted_operation(&session->journal);

    maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                      "VM '%s': %s was interrupted; %s", session->machine->name,
                      operation, what);
}

/* What this very command began and has made nothing of is its error, and no more. */
static void
say_nothing_left(const struct maqet_session *session, const char *what)
{
    if (!session->began)
        say(session, what);
}

static int
remove_tagged(struct maqet_session *session, const char *tag, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found = tagged(member, tag);

        /* One that is known by the other name is the snapshot by now. */
        if (found && strcmp(maqet_session_name_of(session, member, found), tag) == 0 &&
            maqet_interrupted_owns(session, member, found) &&
            maqet_session_remove(session, member, found, err) < 0)
            return -1;
    }
    return 0;
}

/* Deletes what is the operation's own; a later snapshot of the name stays. */
static int
remove_named(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];

        for (size_t j = 0; j < member->snapshots.count; j++) {
            const struct maqet_snapshot *found = member->snapshots.items[j];

            if (!is_own(session, member, found, name))
                continue;
            if (maqet_session_remove(session, member, found, err) < 0)
                return -1;
            maqet_history_removed(session->history, member->drive->name, found);
        }
    }
    return 0;
}

void
maqet_session_note_created(struct maqet_session *session, const char *name)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            maqet_session_find(session, member, name, NULL);

        if (!found)
            continue;
        maqet_history_created(session->history, member->drive->name, found);
        if (session->count > 1 || maqet_history_set_begun(session->history, name))
            maqet_history_set_add(session->history, name, i == 0, member->drive->name,
                                  found);
    }
    maqet_history_set_end(session->history, name);
}

static int
repair_create(struct maqet_session *session, struct maqet_error **err)
{
    const char *name = session->journal.name;
    size_t made = count_named(session, name);

    if (made == session->count && made > 0) {
        maqet_session_note_created(session, name);
        say(session, "it is complete");
        return 0;
    }
    if (remove_named(session, name, err) < 0)
        return -1;
    if (made > 0)
        say(session, "the incomplete snapshot has been removed");
    else
        say_nothing_left(session, "nothing to clean up");
    return 0;
}

/* The stand-in is the snapshot. */
static int
promote(struct maqet_session *session, struct maqet_error **err)
{
    const char *name = session->journal.name;

    if (remove_named(session, name, err) < 0 || maqet_session_refresh(session, err) < 0)
        return -1;
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];

        maqet_history_alias_set(session->history, member->drive->name,
                                tagged(member, session->journal.stand_in), name);
    }
    maqet_session_note_created(session, name);
    say(session, "the new one was complete under another name and replaces the old one");
    return 0;
}

/* Whether what bears the name on all drives is not what it was to replace. */
static bool
is_replaced(const struct maqet_session *session, const char *name)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            maqet_session_find(session, member, name, NULL);

        if (!found || found == maqet_session_recorded(session, member) ||
            !maqet_interrupted_owns(session, member, found))
            return false;
    }
    return session->journal.boot != NULL;
}

static int
repair_overwrite(struct maqet_session *session, struct maqet_error **err)
{
    const char *stand_in = session->journal.stand_in;
    bool begun = count_tagged(session, stand_in) > 0;

    if (count_own(session, session->journal.name) < session->count &&
        count_tagged(session, stand_in) == session->count)
        return promote(session, err);
    if (remove_tagged(session, stand_in, err) < 0)
        return -1;
    if (is_replaced(session, session->journal.name)) {
        maqet_session_note_created(session, session->journal.name);
        say(session, "the new one is complete");
    } else if (!begun) {
        say_nothing_left(session, "nothing to clean up");
    } else {
        say(session, "either the old or the new one is complete; nothing was lost");
    }
    return 0;
}

/* The state is published last, so where it is, all is complete. Else the guest, which may
 * stand still, runs on without. */
static int
repair_checkpoint(struct maqet_session *session, struct maqet_error **err)
{
    const char *name = session->journal.name;
    struct maqet_qmp *qmp = session->machine->run.pid > 0
                                ? maqet_monitor_connect(session->machine, err)
                                : NULL;

    if (session->machine->run.pid > 0 && (!qmp || maqet_migration_abandon(qmp, err) < 0))
        return -1;
    if (maqet_state_file_exists(session->machine->context, session->machine->name,
                                name) &&
        count_named(session, name) == session->count) {
        maqet_session_note_created(session, name);
        say(session, "it is complete");
        return 0;
    }
    bool begun = count_named(session, name) > 0;
    if (remove_named(session, name, err) < 0 ||
        maqet_state_file_remove(session->machine->context, session->machine->name, name,
                                err) < 0)
        return -1;
    if (begun)
        say(session, "the incomplete checkpoint has been removed");
    else
        say_nothing_left(session, "the incomplete checkpoint has been removed");
    return 0;
}

static int
repair_forget(struct maqet_session *session, struct maqet_error **err)
{
    if (maqet_state_file_remove(session->machine->context, session->machine->name,
                                session->journal.name, err) < 0 ||
        remove_named(session, session->journal.name, err) < 0)
        return -1;
    say(session, "it has been completed now");
    return 0;
}

/* Whether nothing was reverted yet. */
static int
repair_prepare(struct maqet_session *session, struct maqet_error **err)
{
    if (session->machine->run.pid > 0) {
        say(session, "nothing had been reverted, and the VM runs on");
        return remove_tagged(session, MAQET_SAVED_STATE, err);
    }
    if (remove_tagged(session, MAQET_SAVED_STATE, err) < 0)
        return -1;
    say(session, "nothing had been reverted; the VM is stopped");
    return 0;
}

static int
repair_undo(struct maqet_session *session, struct maqet_error **err)
{
    if (maqet_saved_state_restore(session, err) < 0)
        return -1;
    say(session, "the drives are as they were before it");
    return 0;
}

/* What can't be finished goes back, where the state before was kept. */
static int
repair_load(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_load_all(session, session->journal.name, &reason) == 0) {
        say(session, "it has been completed now; the VM is stopped");
        return 0;
    }
    if (maqet_session_refresh(session, err) < 0)
        return -1;
    if (session->count > 0 && count_tagged(session, MAQET_SAVED_STATE) == session->count)
        return maqet_session_phase(session, MAQET_OPERATION_UNDO, err) < 0
                   ? -1
                   : repair_undo(session, err);
    if (reason->code != MAQET_ERROR_MISSING)
        return maqet_error_move(err, TAKE_PTR(reason));
    say(session, reason->message);
    return 0;
}

/* The drives are at the checkpoint. A QEMU that reads the memory, or has read it, lets
 * the guest go on; one that was not told to read is of no use. */
int
maqet_session_repair_resume(struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_qmp *qmp = session->machine->run.pid > 0
                                ? maqet_monitor_connect(session->machine, err)
                                : NULL;
    bool loads = false;

    if (session->machine->run.pid > 0 &&
        (!qmp || maqet_migration_finish_load(qmp, &loads, err) < 0))
        return -1;
    if (session->machine->run.pid > 0 && !loads &&
        maqet_opened_end_qemu(session->machine, err) < 0)
        return -1;
    say(session, loads ? "it has been completed now; the guest goes on"
                       : "the drives are at it, and the VM is stopped");
    return 0;
}

static int
repair_delete(struct maqet_session *session, struct maqet_error **err)
{
    if (remove_named(session, session->journal.name, err) < 0)
        return -1;
    say(session, "it has been completed now");
    return 0;
}

/* Helpers that were killed, or QEMU itself, may have left things behind, which can be
 * found only while no QEMU has the image. They only take up space, so a damaged image,
 * where they can't be found, keeps nothing from going on. */
static void
repair_images(struct maqet_session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_drive *drive = session->members[i].drive;
        _cleanup_error_ struct maqet_error *reason = NULL;

        maqet_history_untidy_set(session->history, drive->name,
                                 session->machine->run.pid > 0);
        if (session->machine->run.pid > 0 ||
            maqet_drive_snapshot_repair(drive, &reason) == 0)
            continue;
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "%s. Look for damage: maqet check %s %s", reason->message,
                          session->machine->name, drive->name);
    }
}

/* Drives revert while QEMU does not run, and it is not started before that has come to an
 * end; so one that runs is none that this operation knows of. */
static int
check_stopped(const struct maqet_session *session, struct maqet_error **err)
{
    if (session->machine->run.pid == 0 ||
        (session->journal.operation != MAQET_OPERATION_LOAD &&
         session->journal.operation != MAQET_OPERATION_UNDO))
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is running (PID %d)",
                    session->machine->name, session->machine->run.pid);
    maqet_error_hint(err, "Stop VM: maqet stop %s", session->machine->name);
    return -1;
}

static int
repair_pending(struct maqet_session *session, struct maqet_error **err)
{
    static int (*const repairs[])(struct maqet_session *, struct maqet_error **) = {
        [MAQET_OPERATION_CREATE] = repair_create,
        [MAQET_OPERATION_OVERWRITE] = repair_overwrite,
        [MAQET_OPERATION_CHECKPOINT] = repair_checkpoint,
        [MAQET_OPERATION_PREPARE] = repair_prepare,
        [MAQET_OPERATION_LOAD] = repair_load,
        [MAQET_OPERATION_UNDO] = repair_undo,
        [MAQET_OPERATION_DELETE] = repair_delete,
        [MAQET_OPERATION_FORGET] = repair_forget,
        [MAQET_OPERATION_RESUME] = maqet_session_repair_resume,
    };

    if (maqet_interrupted_check_drives(session, err) < 0)
        return -1;
    maqet_session_choose_journal(session);
    if (check_stopped(session, err) < 0 ||
        maqet_interrupted_check_images(session, err) < 0 ||
        maqet_session_check_holders(session, err) < 0 ||
        maqet_session_resume(session, err) < 0)
        return -1;
    repair_images(session);
    if (maqet_session_refresh(session, err) < 0 ||
        repairs[session->journal.operation](session, err) < 0 ||
        maqet_history_save(session->history, err) < 0)
        return -1;
    return maqet_session_done(session, err);
}

/* Gives one snapshot the name by which users know it. */
static bool
settle_name(struct maqet_session *session, const struct maqet_drive *drive,
            const struct maqet_snapshot *snapshot, const char *name)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_drive_snapshot_rename(drive, snapshot, name, &error) == 0) {
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "Virtual machine '%s', drive '%s': the snapshot '%s' has got "
                          "its name, which it could not while the machine ran",
                          session->machine->name, drive->name, name);
        maqet_history_alias_set(session->history, drive->name, snapshot, NULL);
        return true;
    }
    if (error->code != MAQET_ERROR_UNSUPPORTED)
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "The snapshot '%s' is still called '%s' in the image: %s", name,
                          snapshot->name, error->message);
    return false;
}

/* A type that can't rename keeps the other name, by which nobody but other programs knows
 * it. */
static bool
settle_names(struct maqet_session *session, const struct maqet_drive *drive)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    bool changed = false;

    if (!maqet_history_has_alias(session->history, drive->name) ||
        maqet_drive_snapshots_read(drive, &snapshots, NULL) < 0)
        return false;
    for (size_t i = 0; i < snapshots.count; i++) {
        _cleanup_free_ char *name = maqet_strdup(
            maqet_history_alias(session->history, drive->name, snapshots.items[i]));

        if (name && settle_name(session, drive, snapshots.items[i], name))
            changed = true;
    }
    return changed;
}

/* What had to wait until the machine was stopped: lost clusters, and stand-ins that get
 * their name at last. */
static int
settle(struct maqet_session *session, struct maqet_error **err)
{
    bool changed = false;

    for (size_t i = 0; i < session->machine->vm->drive_count; i++) {
        const struct maqet_drive *drive = session->machine->vm->drives[i];

        if (!maqet_drive_has_snapshots(drive))
            continue;
        if (maqet_history_untidy(session->history, drive->name) &&
            maqet_drive_snapshot_repair(drive, NULL) == 0) {
            maqet_history_untidy_set(session->history, drive->name, false);
            changed = true;
        }
        changed = settle_names(session, drive) || changed;
    }
    return changed ? maqet_history_save(session->history, err) : 0;
}

/* A QEMU whose load was killed may just be ending: then the machine is stopped, and what
 * is to be done is another thing. */
static int
repair_at_rest(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (repair_pending(session, &reason) == 0)
        return 0;
    /* Its monitor is closed before it is gone. */
    if (session->machine->run.pid == 0 || reason->code != MAQET_ERROR_STATE ||
        !maqet_pidfd_wait(session->machine->run.pidfd, ENDING_TIMEOUT))
        return maqet_error_move(err, TAKE_PTR(reason));
    return maqet_opened_look(session->machine, err) < 0 ? -1
                                                        : repair_pending(session, err);
}

int
maqet_session_repair(struct maqet_session *session, struct maqet_error **err)
{
    if (session->machine->lock < 0)
        return 0;
    maqet_exports_sweep(session->machine->context, session->machine->name);
    if (session->damage)
        return maqet_error_move(err, TAKE_PTR(session->damage));
    if (maqet_history_check(session->history, err) < 0)
        return -1;
    if (session->journal.operation != MAQET_OPERATION_NONE && !session->began &&
        !session->agreed && maqet_interrupted_check(session, err) < 0)
        return -1;
    if (session->journal.operation != MAQET_OPERATION_NONE &&
        repair_at_rest(session, err) < 0) {
        _cleanup_free_ char *operation = maqet_interrupted_operation(&session->journal);
        maqet_error_wrap(err, "VM '%s': %s was interrupted, and can't be put right",
                         session->machine->name, operation);
        return -1;
    }
    return session->machine->run.pid > 0 ? 0 : settle(session, err);
}

int
maqet_session_recover(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_session_hint_space(session, err);
    /* Nothing had begun. */
    if (session->journal.operation == MAQET_OPERATION_NONE)
        return -1;
    if (maqet_opened_look(session->machine, &reason) == 0 &&
        maqet_session_repair(session, &reason) == 0)
        return -1;
    maqet_error_remark(err, "What it has left could not be put right: %s",
                       reason->message);
    maqet_error_hint(err,
                     "Have it put right: maqet recover %s (the next change of its "
                     "snapshots, or its next start, does it too)",
                     session->machine->name);
    return -1;
}

int
maqet_snapshot_repair(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session = maqet_session_new(machine, err);

    return session ? maqet_session_repair(session, err) : -1;
}
