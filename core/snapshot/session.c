/* SPDX-License-Identifier: MIT */
#include "core/snapshot/session.h"

#include <string.h>

#include "core/machine/holders.h"
#include "core/snapshot/members.h"
#include "core/snapshot/overlay_live.h"
#include "core/storage/overlay_nodes.h"

/* ---- deferred work ---- */

/* Gives a snapshot the name that users know it by. */
static bool
settle_name(struct maqet_session *session, const struct maqet_drive *drive,
            const struct maqet_snapshot *snapshot, const char *name)
{
    const struct maqet_opened *machine = session->machine;
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_drive_snapshot_rename(drive, snapshot, name, &error) == 0) {
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "VM '%s', drive '%s': the snapshot '%s' has been given its "
                          "name, which was not possible while the VM was running",
                          machine->name, drive->name, name);
        maqet_history_alias_set(session->history, drive->name, snapshot, NULL);
        return true;
    }
    if (error->code != MAQET_ERROR_UNSUPPORTED)
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "The snapshot '%s' is still called '%s' in the image: %s", name,
                          snapshot->name, error->message);
    return false;
}

/* With a type that cannot rename, the temporary name stays, which only other programs see.
 */
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

void
maqet_session_note_tidied(struct maqet_session *session, const struct maqet_drive *drive,
                          bool tidied)
{
    const struct maqet_overlay *above;
    bool merges =
        drive->overlays && maqet_overlay_nodes_superfluous(drive->overlays, 0, &above);

    maqet_history_untidy_set(session->history, drive->name, !tidied || merges);
}

/* Does what had to wait until the machine was stopped: frees leaked clusters, and renames
 * snapshots that have an alias. */
static int
settle(struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_vm *vm = session->machine->vm;
    bool changed = false;

    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        /* Nothing is written to what cannot be worked on, or somebody else uses. */
        if (drive->fault_of >= MAQET_FAULT_STORAGE || !maqet_drive_has_snapshots(drive))
            continue;
        if (maqet_history_untidy(session->history, drive->name) &&
            maqet_holders_check_top(session->machine->vm, drive, NULL) == 0 &&
            maqet_drive_snapshot_repair(drive, NULL) == 0) {
            maqet_session_note_tidied(session, drive, true);
            changed = true;
        }
        changed = settle_names(session, drive) || changed;
    }
    return changed ? maqet_history_save(session->history, err) : 0;
}

/* ---- opening ---- */

/* For a machine whose definition is loaded. */
static struct maqet_session *
session_new(struct maqet_opened *machine, struct maqet_job *job)
{
    struct maqet_session *session = maqet_alloc(sizeof(*session));

    session->machine = machine;
    session->job = job ? job : &session->found;
    session->members =
        maqet_alloc(machine->vm->drive_count * sizeof(struct maqet_member) + 1);
    session->history = maqet_history_load(machine->context, machine->name);
    return session;
}

static struct maqet_session *
session_open(const struct maqet_context *context, const char *vm, unsigned how,
             struct maqet_error **err)
{
    struct maqet_opened *machine =
        maqet_open(context, vm, how | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);

    if (!machine)
        return NULL;
    struct maqet_session *session = session_new(machine, NULL);
    session->owned = machine;
    maqet_job_find(session->job, machine);
    return session;
}

struct maqet_session *
maqet_session_open(const struct maqet_context *context, const char *vm,
                   struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        session_open(context, vm, MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE, err);

    if (!session || maqet_history_check(session->history, err) < 0 ||
        (session->machine->run.pid == 0 && settle(session, err) < 0))
        return NULL;
    return TAKE_PTR(session);
}

struct maqet_session *
maqet_session_look(const struct maqet_context *context, const char *vm,
                   struct maqet_error **err)
{
    return session_open(context, vm, MAQET_OPEN_TRY_LOCK | MAQET_OPEN_ALLOW_PENDING, err);
}

void
maqet_session_free(struct maqet_session *session)
{
    if (!session)
        return;
    maqet_job_clear(&session->found);
    maqet_members_clear(session);
    free(session->members);
    maqet_history_cleanup(&session->history);
    maqet_opened_close(session->owned);
    free(session);
}

/* ---- its job ---- */

int
maqet_session_begin(struct maqet_session *session, const struct maqet_job_kind *kind,
                    const char *name, const char *stand_in, struct maqet_error **err)
{
    struct maqet_job *job = session->job;

    if ((kind->only_recorded || kind->needs_stand_in) &&
        maqet_members_check_unneeded(session, name, err) < 0)
        return -1;
    maqet_job_plan(job, kind, name);
    job->journal.stand_in = maqet_strdup(stand_in);
    MAQET_FOR_EACH_MEMBER (member, session) {
        maqet_job_add_target(job, member->drive,
                             maqet_member_find(session, member, name, NULL));
    }
    job->command = session;
    return maqet_job_begin(job, err);
}

int
maqet_session_done(struct maqet_session *session, struct maqet_error **err)
{
    return maqet_history_save(session->history, err) < 0
               ? -1
               : maqet_job_done(session->job, err);
}

/* ---- recovery ---- */

static void
choose_targets(struct maqet_session *session)
{
    const struct maqet_journal *journal = &session->job->journal;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < journal->target_count; i++)
        maqet_strings_add(&drives, journal->targets[i].name);
    maqet_members_choose_listed(session, &drives);
}

/* A killed helper, or QEMU, may have leaked clusters, which can only be found while QEMU
 * does not have the image open. They only take up space, so the recovery goes on if a
 * damaged image prevents that. */
static void
tidy_images(struct maqet_session *session)
{
    const struct maqet_opened *machine = session->machine;

    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_drive *drive = session->members[i].drive;
        _cleanup_error_ struct maqet_error *reason = NULL;

        bool tidy =
            machine->run.pid == 0 && maqet_drive_snapshot_repair(drive, &reason) == 0;
        maqet_session_note_tidied(session, drive, tidy);
        if (!reason)
            continue;
        maqet_error_next(&reason, MAQET_NEXT_CHECK_DRIVE, machine->name, drive->name,
                         NULL);
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, reason);
    }
}

int
maqet_session_recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *found =
        job->command ? NULL : session_new(job->machine, job);
    struct maqet_session *session = found ? found : job->command;

    if (maqet_history_check(session->history, err) < 0 ||
        maqet_overlay_live_settle_all(session->machine, err) < 0)
        return -1;
    choose_targets(session);
    tidy_images(session);
    if (maqet_members_refresh(session, err) < 0 ||
        job->journal.kind->recover_session(session, err) < 0 ||
        maqet_session_done(session, err) < 0)
        return -1;
    return session->machine->run.pid > 0 ? 0 : settle(session, err);
}

/* Adds the members' snapshots of that name, if any. */
static void
add_kept(const struct maqet_session *session, const char *name, const char *what,
         struct maqet_strings *kept)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        if (!name || !maqet_snapshots_find(&member->snapshots, name, NULL))
            continue;
        _cleanup_free_ char *step =
            maqet_context_next(session->machine->context, MAQET_NEXT_DELETE_SNAPSHOT,
                               session->machine->name, member->drive->name, name, NULL);
        maqet_strings_addf(kept, "the snapshot '%s' of drive '%s', %s. %s", name,
                           member->drive->name, what, step);
    }
}

/* Adds what the job has left in a drive. */
static void
list_kept_in(struct maqet_session *session, const char *drive, struct maqet_strings *kept)
{
    const struct maqet_journal *journal = &session->job->journal;
    const struct maqet_job_kind *kind = journal->kind;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_strings_add(&drives, drive);
    maqet_members_choose_listed(session, &drives);
    if (maqet_members_refresh(session, &reason) < 0) {
        maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                          "VM '%s': which snapshots were left in drive '%s' cannot be "
                          "determined: %s",
                          session->machine->name, drive, reason->message);
        return;
    }
    add_kept(session, kind->saved_state, "its state before the load", kept);
    add_kept(session, journal->stand_in, "which was meant to replace another one", kept);
    if (kind->makes_set)
        add_kept(session, journal->name, "which other drives may not have", kept);
}

/* Each drive is read separately, in case another one, or QEMU, cannot be asked. */
int
maqet_session_forget(struct maqet_job *job, struct maqet_strings *kept,
                     struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session = session_new(job->machine, job);

    (void)err;
    session->machine->on_silence = MAQET_ON_SILENCE_READ;
    for (size_t i = 0; i < job->journal.target_count; i++)
        list_kept_in(session, job->journal.targets[i].name, kept);
    return 0;
}

int
maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                       enum maqet_recovery_way way, bool *pending,
                       struct maqet_strings *kept, struct maqet_error **err)
{
    if (maqet_job_decide(context, vm, way, pending, kept, err) < 0)
        return -1;
    if (*pending && way == MAQET_RECOVERY_FORGET)
        return 0;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, err);
    if (!session)
        return -1;
    /* What killed commands without a job have left was settled, but for this. */
    for (size_t i = 0; i < session->machine->vm->drive_count; i++) {
        const struct maqet_drive *drive = session->machine->vm->drives[i];

        if (!drive->shown && maqet_drive_check_fault(drive, MAQET_FAULT_FILES, err) < 0)
            return -1;
    }
    return 0;
}
