/* SPDX-License-Identifier: MIT */
#include "core/snapshot/members.h"

#include <string.h>

#include "core/base/json.h"
#include "core/base/printable.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlays.h"

static const int64_t SECOND = 1000000000; /* in ns */

/* s by which a snapshot's date may be before the beginning of its job, since not every
 * format stores fractions, and after its interruption, since QEMU goes on. */
static const int64_t DATE_BEFORE = 2;
static const int64_t DATE_AFTER = 60;

/* ---- the drives ---- */

void
maqet_members_clear(struct maqet_session *session)
{
    MAQET_FOR_EACH_MEMBER (member, session)
        maqet_snapshots_clear(&member->snapshots);
    session->count = 0;
}

static void
add_member(struct maqet_session *session, const struct maqet_drive *drive)
{
    session->members[session->count++] = (struct maqet_member){.drive = drive};
}

int
maqet_members_choose(struct maqet_session *session, const char *name,
                     struct maqet_error **err)
{
    const struct maqet_drive *drive =
        maqet_vm_find_drive(session->machine->vm, name, err);

    maqet_members_clear(session);
    if (!drive || maqet_drive_check_fault(drive, MAQET_FAULT_ENTRY, err) < 0)
        return -1;
    if (!maqet_drive_has_snapshots(drive))
        return maqet_drive_error_no_snapshots(drive, err);
    add_member(session, drive);
    return 0;
}

void
maqet_members_choose_listed(struct maqet_session *session,
                            const struct maqet_strings *drives)
{
    const struct maqet_opened *machine = session->machine;

    maqet_members_clear(session);
    for (size_t i = 0; i < drives->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(machine->vm, drives->items[i], NULL);

        if (drive && maqet_drive_has_snapshots(drive))
            add_member(session, drive);
        else if (drive && drive->fault)
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING, "%s",
                              drive->fault->message);
        else
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                              "VM '%s' no longer has the drive '%s', which is left out",
                              machine->name, drives->items[i]);
    }
}

int
maqet_members_read(struct maqet_session *session, const struct maqet_strings *drives,
                   struct maqet_error **err)
{
    for (size_t i = 0; i < drives->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(session->machine->vm, drives->items[i], NULL);

        if (drive && maqet_drive_check_fault(drive, MAQET_FAULT_ENTRY, err) < 0)
            return -1;
    }
    maqet_members_choose_listed(session, drives);
    return maqet_members_refresh(session, err);
}

int
maqet_members_check_holders(const struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_opened *machine = session->machine;

    for (size_t i = 0; machine->run.pid == 0 && i < session->count; i++)
        if (maqet_holders_check_exclusive(machine->vm, session->members[i].drive, err) <
            0)
            return -1;
    return 0;
}

void
maqet_members_names(const struct maqet_session *session, struct maqet_strings *names)
{
    MAQET_FOR_EACH_MEMBER (member, session)
        maqet_strings_add(names, member->drive->name);
}

/* ---- their snapshots ---- */

/* One of QEMU's SnapshotInfo (QEMU: qapi/block-core.json). */
static void
add_reported(struct maqet_snapshots *snapshots, json_object *info)
{
    struct maqet_snapshot *snapshot = maqet_snapshots_add(
        snapshots, maqet_json_text(info, "id"), maqet_json_text(info, "name"));

    maqet_snapshot_date(snapshot, maqet_json_int(info, "date-sec"),
                        (uint32_t)maqet_json_int(info, "date-nsec"));
    maqet_snapshot_vm_clock(snapshot,
                            (uint64_t)maqet_json_int(info, "vm-clock-sec") * 1000000000 +
                                (uint64_t)maqet_json_int(info, "vm-clock-nsec"));
    maqet_snapshot_vm_state(snapshot, (uint64_t)maqet_json_int(info, "vm-state-size"));
}

/* The snapshots that QEMU reports of one of its nodes. */
static void
read_reported(json_object *node, struct maqet_snapshots *snapshots)
{
    json_object *list =
        json_object_object_get(json_object_object_get(node, "image"), "snapshots");

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        add_reported(snapshots, json_object_array_get_idx(list, i));
}

/* Whether QEMU is asked for the snapshots of a drive, as it has the image open while it
 * runs. What is an overlay is recorded, and QEMU does not know it. If a drive is stored by a service, its plugin always asks that: so a snapshot has
 * the same id and date at all times, and a service that does not answer is noticed before
 * QEMU waits for it. */
static bool
is_asked(const struct maqet_session *session, const struct maqet_member *member)
{
    return session->machine->run.pid > 0 && member->drive->path &&
           !member->drive->overlays && !maqet_drive_is_opened_by_helper(member->drive);
}

static int
refresh_live(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(session->machine, err);

    if (!nodes)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session) {
        if (!is_asked(session, member))
            continue;
        json_object *node =
            maqet_monitor_find_node(nodes, maqet_drive_node(member->drive));
        if (!node)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "QEMU of VM '%s' has no drive '%s'; the VM was "
                                   "started without it, or it has been removed since",
                                   session->machine->name, member->drive->name);
        maqet_snapshots_clear(&member->snapshots);
        read_reported(node, &member->snapshots);
    }
    return 0;
}

/* Reads the lists of those that QEMU is asked for, or of the others, by their plugins. */
static int
read_images(struct maqet_session *session, bool asked, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        if (is_asked(session, member) == asked &&
            maqet_drive_snapshots_read(member->drive, &member->snapshots, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_members_refresh(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool asks = false;

    if (read_images(session, false, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session)
        asks = asks || is_asked(session, member);
    if (!asks || (!maqet_monitor_does_without(session->machine) &&
                  refresh_live(session, &reason) == 0))
        return 0;
    return maqet_monitor_does_without(session->machine)
               ? read_images(session, true, err)
               : maqet_error_move(err, TAKE_PTR(reason));
}

const char *
maqet_member_name_of(const struct maqet_session *session,
                     const struct maqet_member *member,
                     const struct maqet_snapshot *snapshot)
{
    const char *alias =
        maqet_history_alias(session->history, member->drive->name, snapshot);

    return alias ? alias : snapshot->name;
}

const struct maqet_snapshot *
maqet_member_find(const struct maqet_session *session, const struct maqet_member *member,
                  const char *name, size_t *count)
{
    const struct maqet_snapshots *snapshots = &member->snapshots;
    const struct maqet_snapshot *found = NULL;

    if (count)
        *count = 0;
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct maqet_snapshot *snapshot = snapshots->items[i];

        if (strcmp(maqet_member_name_of(session, member, snapshot), name) != 0)
            continue;
        if (!found)
            found = snapshot;
        if (count)
            (*count)++;
    }
    return found;
}

size_t
maqet_members_count_named(const struct maqet_session *session, const char *name)
{
    size_t count = 0;

    MAQET_FOR_EACH_MEMBER (member, session)
        count += maqet_member_find(session, member, name, NULL) != NULL;
    return count;
}

static int
error_missing(const struct maqet_session *session, const struct maqet_member *member,
              const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < member->snapshots.count; i++)
        maqet_strings_add(
            &names, maqet_member_name_of(session, member, member->snapshots.items[i]));
    const char *closest = maqet_text_closest(name, &names);
    _cleanup_free_ char *list = maqet_strings_list(&names);

    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "There is no snapshot '%s' of drive '%s' on VM '%s'", name,
                    member->drive->name, session->machine->name);
    maqet_error_remark(err, "There are: %s", list);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'?", closest);
    if (session->count > 1)
        maqet_error_next(err, MAQET_NEXT_EXCLUDE, member->drive->name, NULL);
    return -1;
}

int
maqet_member_error_duplicate(const struct maqet_session *session,
                             const struct maqet_member *member, const char *name,
                             size_t count, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "Drive '%s' on VM '%s' has %zu snapshots named '%s', so the name "
                    "is ambiguous",
                    member->drive->name, session->machine->name, count, name);
    if (!member->drive->path)
        return -1;
    _cleanup_free_ char *path = maqet_shell_quoted(member->drive->path);
    maqet_error_hint(err,
                     "List them: qemu-img snapshot -l %s. To see the contents of one, "
                     "load it in a copy of the image: qemu-img snapshot -a ID COPY",
                     path);
    return -1;
}

int
maqet_member_error_exists(const struct maqet_session *session,
                          const struct maqet_member *member, const char *name,
                          struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_EXISTS,
                    "There is already a snapshot '%s' of drive '%s' on VM '%s'", name,
                    member->drive->name, session->machine->name);
    maqet_error_hint(err, "Give another name");
    return -1;
}

int
maqet_members_need(const struct maqet_session *session, const char *name,
                   struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        size_t count;

        maqet_member_find(session, member, name, &count);
        if (count == 0)
            return error_missing(session, member, name, err);
        if (count > 1)
            return maqet_member_error_duplicate(session, member, name, count, err);
    }
    return 0;
}

int
maqet_members_check_overlays(const struct maqet_session *session, const char *name,
                             struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_drive *drive = member->drive;
        const struct maqet_snapshot *snapshot =
            maqet_member_find(session, member, name, NULL);
        const struct maqet_overlay *node =
            drive->overlays && snapshot
                ? maqet_overlays_find(drive->overlays, snapshot->name)
                : NULL;

        if (node && (maqet_overlays_check(drive->overlays, node->id, err) < 0 ||
                     (maqet_overlay_is_elsewhere(drive) && !drive->running &&
                      maqet_overlay_elsewhere_check(drive, err) < 0)))
            return maqet_error_wrap(err, "VM '%s', drive '%s': snapshot '%s'",
                                    session->machine->name, drive->name, name);
    }
    return 0;
}

/* ---- the job's own ---- */

const struct maqet_snapshot *
maqet_member_recorded(const struct maqet_session *session,
                      const struct maqet_member *member)
{
    const struct maqet_journal *journal = &session->job->journal;
    const struct maqet_job_target *target =
        maqet_journal_find_target(journal, member->drive->name);

    /* An earlier maqet recorded only the name. */
    if (!journal->boot)
        return maqet_member_find(session, member, journal->name, NULL);
    for (size_t i = 0; target && target->has_snapshot && i < member->snapshots.count; i++)
        if (maqet_snapshot_same(&target->snapshot, member->snapshots.items[i]))
            return member->snapshots.items[i];
    return NULL;
}

bool
maqet_member_is_own(const struct maqet_session *session,
                    const struct maqet_member *member,
                    const struct maqet_snapshot *snapshot)
{
    const struct maqet_journal *journal = &session->job->journal;
    int64_t end = journal->interrupted ? journal->interrupted : journal->touched;

    /* We began it and have had the lock since, or nothing was recorded. */
    if (session->job->own || !journal->boot ||
        snapshot == maqet_member_recorded(session, member))
        return true;
    if (journal->kind->only_recorded)
        return false;
    /* A service dates snapshots by its own clock. */
    return (!member->drive->path && !member->drive->overlays) ||
           (snapshot->seconds >= journal->begun / SECOND - DATE_BEFORE &&
            snapshot->seconds <= end / SECOND + DATE_AFTER);
}

void
maqet_members_note_created(struct maqet_session *session, const char *name)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, NULL);

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
check_unneeded(const struct maqet_session *session, const struct maqet_drive *drive,
               const char *name, struct maqet_error **err)
{
    const struct maqet_overlay *node =
        drive->overlays ? maqet_overlays_find(drive->overlays, name) : NULL;

    if (!node || node->needed_by.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&node->needed_by);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s', drive '%s': the snapshot '%s' cannot be deleted: %s is the "
                    "backing file of %s",
                    session->machine->name, drive->name, name, node->file.file, list);
    maqet_error_remark(err, "It is free again when no image has it as a backing file");
    return -1;
}

int
maqet_members_check_unneeded(const struct maqet_session *session, const char *name,
                             struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *snapshot =
            maqet_member_find(session, member, name, NULL);

        if (snapshot && check_unneeded(session, member->drive, snapshot->name, err) < 0)
            return -1;
    }
    return 0;
}
