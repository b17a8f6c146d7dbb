/* SPDX-License-Identifier: MIT */
#include "core/snapshot/session.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/clock.h"
#include "core/machine/bases.h"
#include "core/machine/check.h"
#include "core/machine/holders.h"
#include "core/snapshot/saved_state.h"
#include "core/storage/fault.h"

/* ---- opening ---- */

void
maqet_session_free(struct maqet_session *session)
{
    if (!session)
        return;
    /* An operation that came to no end has left the images so. */
    maqet_seal_end(session->seal, false);
    for (size_t i = 0; i < session->count; i++)
        maqet_snapshots_clear(&session->members[i].snapshots);
    free(session->members);
    maqet_history_cleanup(&session->history);
    maqet_journal_clear(&session->journal);
    maqet_error_free(session->damage);
    maqet_opened_close(session->owned);
    free(session);
}

void
maqet_session_cleanup(struct maqet_session **session)
{
    maqet_session_free(*session);
}

struct maqet_session *
maqet_session_new(struct maqet_opened *machine, struct maqet_error **err)
{
    if (!maqet_opened_vm(machine, err))
        return NULL;
    struct maqet_session *session = maqet_alloc(sizeof(*session));

    session->machine = machine;
    /* That is an error for whoever changes something; others can still look. */
    maqet_journal_read(machine->context, machine->name, &session->journal,
                       &session->damage);
    session->history = maqet_history_load(machine->context, machine->name);
    return session;
}

struct maqet_session *
maqet_session_open(const struct maqet_context *context, const char *vm, bool wait,
                   struct maqet_error **err)
{
    /* Whoever only looks finds in the images what QEMU can't be asked. */
    unsigned how = wait ? MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE : MAQET_OPEN_TRY_LOCK;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, vm, how | MAQET_OPEN_FOLDER | MAQET_OPEN_ALLOW_PENDING, err);
    struct maqet_session *session = machine ? maqet_session_new(machine, err) : NULL;

    if (session)
        session->owned = TAKE_PTR(machine);
    return session;
}

/* ---- the drives ---- */

static void
clear_members(struct maqet_session *session)
{
    for (size_t i = 0; i < session->count; i++)
        maqet_snapshots_clear(&session->members[i].snapshots);
    session->count = 0;
    free(session->members);
    session->members =
        maqet_alloc(session->machine->vm->drive_count * sizeof(struct maqet_member) + 1);
}

static void
add_member(struct maqet_session *session, const struct maqet_drive *drive)
{
    session->members[session->count++] = (struct maqet_member){.drive = drive};
}

int
maqet_session_choose(struct maqet_session *session, const char *name,
                     struct maqet_error **err)
{
    const struct maqet_drive *drive =
        maqet_vm_find_drive(session->machine->vm, name, err);

    clear_members(session);
    if (!drive || maqet_drive_check_known(drive, err) < 0)
        return -1;
    if (!maqet_drive_has_snapshots(drive))
        return maqet_drive_error_no_snapshots(drive, err);
    add_member(session, drive);
    return 0;
}

int
maqet_session_check_known(const struct maqet_session *session,
                          const struct maqet_strings *drives, struct maqet_error **err)
{
    for (size_t i = 0; i < drives->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(session->machine->vm, drives->items[i], NULL);

        if (drive && maqet_drive_check_known(drive, err) < 0)
            return -1;
    }
    return 0;
}

void
maqet_session_choose_listed(struct maqet_session *session,
                            const struct maqet_strings *drives)
{
    clear_members(session);
    for (size_t i = 0; i < drives->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(session->machine->vm, drives->items[i], NULL);

        if (drive && maqet_drive_has_snapshots(drive))
            add_member(session, drive);
        else if (drive && drive->fault)
            maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING, "%s",
                              drive->fault->message);
        else
            maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                              "The drive '%s' of VM '%s', of which an operation was "
                              "interrupted, is no longer there",
                              drives->items[i], session->machine->name);
    }
}

void
maqet_session_choose_journal(struct maqet_session *session)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < session->journal.drive_count; i++)
        maqet_strings_add(&drives, session->journal.drives[i].name);
    maqet_session_choose_listed(session, &drives);
}

/* ---- names ---- */

const char *
maqet_session_name_of(const struct maqet_session *session,
                      const struct maqet_member *member,
                      const struct maqet_snapshot *snapshot)
{
    const char *alias =
        maqet_history_alias(session->history, member->drive->name, snapshot);

    return alias ? alias : snapshot->name;
}

const struct maqet_snapshot *
maqet_session_find(const struct maqet_session *session, const struct maqet_member *member,
                   const char *name, size_t *count)
{
    const struct maqet_snapshots *snapshots = &member->snapshots;
    const struct maqet_snapshot *found = NULL;

    if (count)
        *count = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct maqet_snapshot *snapshot = snapshots->items[i];

        if (strcmp(maqet_session_name_of(session, member, snapshot), name) != 0)
            continue;
        if (!found)
            found = snapshot;
        if (count)
            (*count)++;
    }
    return found;
}

const struct maqet_snapshot *
maqet_session_recorded(const struct maqet_session *session,
                       const struct maqet_member *member)
{
    const struct maqet_journal *journal = &session->journal;
    const struct maqet_journal_drive *drive =
        maqet_journal_find_drive(journal, member->drive->name);

    /* An earlier maqet knew nothing but the name. */
    if (!journal->boot)
        return maqet_session_find(session, member, journal->name, NULL);
    for (size_t i = 0; drive && drive->snapshot && i < member->snapshots.count; i++) {
        const struct maqet_snapshot *snapshot = member->snapshots.items[i];

        if (strcmp(snapshot->id, drive->snapshot) == 0 &&
            snapshot->seconds == drive->seconds &&
            snapshot->nanoseconds == drive->nanoseconds)
            return snapshot;
    }
    return NULL;
}

/* ---- what is pending ---- */

int
maqet_session_check_holders(const struct maqet_session *session, struct maqet_error **err)
{
    for (size_t i = 0; session->machine->run.pid == 0 && i < session->count; i++)
        if (maqet_holders_check(session->machine->vm, session->members[i].drive, err) < 0)
            return -1;
    return 0;
}

/* What was kept of an earlier load, which the user chose not to finish, would be taken
 * for the state before this one. */
static int
check_saved(const struct maqet_session *session, struct maqet_error **err)
{
    for (size_t i = 0; session->count > 1 && i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];

        if (!maqet_snapshots_find(&member->snapshots, MAQET_SAVED_STATE, NULL))
            continue;
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "Drive '%s' on VM '%s' has a snapshot '%s', kept of a load that "
                        "was interrupted; while several drives are loaded, there must be "
                        "none",
                        member->drive->name, session->machine->name, MAQET_SAVED_STATE);
        maqet_error_hint(err, "Once you don't need it: maqet snapshot %s delete %s %s",
                         session->machine->name, member->drive->name, MAQET_SAVED_STATE);
        return -1;
    }
    return 0;
}

/* What could only fail halfway is not begun, and what others depend on is not changed. */
static int
check_images(const struct maqet_session *session, enum maqet_operation operation,
             struct maqet_error **err)
{
    bool creates = operation == MAQET_OPERATION_CREATE ||
                   operation == MAQET_OPERATION_OVERWRITE ||
                   operation == MAQET_OPERATION_CHECKPOINT ||
                   (operation == MAQET_OPERATION_PREPARE && session->count > 1);

    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_drive *drive = session->members[i].drive;

        if ((session->machine->run.pid == 0 &&
             (maqet_drive_check_storage(drive, err) < 0 ||
              maqet_vm_check_drive(session->machine->vm, drive, err) < 0 ||
              maqet_bases_check_unused(drive, err) < 0)) ||
            (creates && maqet_drive_snapshot_can_create(drive, err) < 0))
            return -1;
    }
    return 0;
}

/* Fills the journal in. */
static void
describe_operation(struct maqet_session *session, enum maqet_operation operation,
                   const char *name, const char *stand_in)
{
    struct maqet_journal *journal = &session->journal;

    maqet_journal_clear(journal);
    journal->operation = operation;
    journal->name = maqet_strdup(name);
    journal->stand_in = maqet_strdup(stand_in);
    journal->begun = maqet_realtime();
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *snapshot =
            maqet_session_find(session, member, name, NULL);
        struct maqet_journal_drive *drive =
            maqet_journal_add_drive(journal, member->drive->name, member->drive->path);

        if (!snapshot)
            continue;
        drive->snapshot = maqet_strdup(snapshot->id);
        drive->seconds = snapshot->seconds;
        drive->nanoseconds = snapshot->nanoseconds;
    }
}

/* Writes the journal with the images' present state. */
static int
write_journal(struct maqet_session *session, struct maqet_error **err)
{
    maqet_journal_record(&session->journal);
    return maqet_journal_write(session->machine->context, session->machine->name,
                               &session->journal, err);
}

int
maqet_session_begin(struct maqet_session *session, enum maqet_operation operation,
                    const char *name, const char *stand_in, struct maqet_error **err)
{
    if (maqet_session_check_holders(session, err) < 0 ||
        (operation == MAQET_OPERATION_PREPARE && check_saved(session, err) < 0) ||
        check_images(session, operation, err) < 0)
        return -1;
    describe_operation(session, operation, name, stand_in);
    if (write_journal(session, err) == 0) {
        session->seal =
            maqet_seal_begin(session->machine->context, session->machine->name,
                             session->machine->lock, err);
        session->began = session->seal != NULL;
        if (session->began)
            return 0;
    }
    /* Even where writing it failed it may be there: on its way to the disk. */
    (void)maqet_journal_remove(session->machine->context, session->machine->name, NULL);
    maqet_journal_clear(&session->journal);
    return -1;
}

int
maqet_session_resume(struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_journal *journal = &session->journal;

    /* An operation that failed is still watched over; what an earlier maqet wrote down
     * is left as it is. */
    if (session->seal || !journal->boot)
        return 0;
    for (size_t i = 0; i < journal->drive_count; i++) {
        struct maqet_journal_drive *left = &journal->drives[i];
        const struct maqet_drive *drive =
            maqet_vm_find_drive(session->machine->vm, left->name, NULL);

        if (!drive)
            continue;
        free(left->path);
        left->path = maqet_strdup(drive->path);
    }
    if (!journal->interrupted)
        journal->interrupted = journal->touched;
    journal->sealed = false;
    if (write_journal(session, err) < 0)
        return -1;
    session->seal = maqet_seal_begin(session->machine->context, session->machine->name,
                                     session->machine->lock, err);
    return session->seal ? 0 : -1;
}

int
maqet_session_phase(struct maqet_session *session, enum maqet_operation operation,
                    struct maqet_error **err)
{
    enum maqet_operation before = session->journal.operation;

    session->journal.operation = operation;
    if (write_journal(session, err) == 0)
        return 0;
    /* What is done next has to be what a recovery after a kill would do. The new phase
     * may have been written, and only its way to the disk have failed. */
    session->journal.operation = before;
    (void)write_journal(session, NULL);
    return -1;
}

int
maqet_session_done(struct maqet_session *session, struct maqet_error **err)
{
    maqet_journal_clear(&session->journal);
    session->began = false;
    if (maqet_journal_remove(session->machine->context, session->machine->name, err) < 0)
        return -1;
    maqet_seal_end(TAKE_PTR(session->seal), true);
    return 0;
}
