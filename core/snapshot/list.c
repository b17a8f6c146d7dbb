/* SPDX-License-Identifier: MIT */
/*
 * list.c - lists snapshots. While the machine is running, QEMU is asked, and the images are
 * read only for what it does not report: the space that a snapshot takes, as of the guest's
 * last flush. A service that stores a drive has reported that already.
 */
#include "core/snapshot/list.h"

#include <string.h>

#include "core/base/json.h"
#include "core/job/recover.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/merge_live.h"
#include "core/storage/overlay_costs.h"

void
maqet_snapshot_list_cleanup(struct maqet_snapshot_list **list)
{
    if (!*list)
        return;
    for (size_t i = 0; i < (*list)->count; i++) {
        struct maqet_drive_list *drive = &(*list)->drives[i];

        for (size_t j = 0; j < drive->snapshots.count; j++)
            free(drive->names[j]);
        free(drive->names);
        free(drive->parents);
        free(drive->in_set);
        free(drive->drive);
        maqet_snapshots_clear(&drive->snapshots);
    }
    free((*list)->drives);
    free((*list)->vm);
    free(*list);
}

/* Adds what the image says about the snapshots that QEMU has reported. If it cannot be read
 * now, that stays unknown. */
static void
add_usage(struct maqet_member *member)
{
    _cleanup_snapshots_ struct maqet_snapshots stored = {0};
    _cleanup_json_ json_object *by_id = json_object_new_object();

    if (maqet_drive_snapshots_read(member->drive, &stored, NULL) < 0)
        return;
    for (size_t i = 0; i < stored.count; i++)
        json_object_object_add(by_id, stored.items[i]->id,
                               json_object_new_int64((int64_t)i));
    for (size_t i = 0; i < member->snapshots.count; i++) {
        struct maqet_snapshot *snapshot = member->snapshots.items[i];
        json_object *index = NULL;

        if (!json_object_object_get_ex(by_id, snapshot->id, &index))
            continue;
        const struct maqet_snapshot *same = stored.items[json_object_get_int64(index)];
        snapshot->used_known = same->used_known;
        snapshot->used = same->used;
        snapshot->virtual_size = same->virtual_size;
    }
}

/* Whether it is a temporary snapshot of a job that is in progress or was interrupted. */
static bool
is_hidden(const struct maqet_session *session, const struct maqet_snapshot *snapshot)
{
    const struct maqet_journal *journal = &session->job->journal;
    const char *stand_in = journal->stand_in;
    const char *saved_state = journal->kind ? journal->kind->saved_state : NULL;

    return (saved_state && strcmp(snapshot->name, saved_state) == 0) ||
           (stand_in && strcmp(snapshot->name, stand_in) == 0);
}

static void
remove_hidden(const struct maqet_session *session, struct maqet_snapshots *snapshots)
{
    struct maqet_snapshot **hidden = maqet_alloc(snapshots->count * sizeof(*hidden) + 1);
    _cleanup_snapshots_ struct maqet_snapshots removed = {.items = hidden};
    size_t kept = 0;

    for (size_t i = 0; i < snapshots->count; i++) {
        struct maqet_snapshot *snapshot = snapshots->items[i];

        if (is_hidden(session, snapshot))
            hidden[removed.count++] = snapshot;
        else
            snapshots->items[kept++] = snapshot;
    }
    snapshots->count = kept;
}

/* Adds the size of the guest's memory if the snapshot belongs to a checkpoint. */
static void
add_memory(const struct maqet_session *session, const char *drive,
           struct maqet_snapshot *snapshot, const char *name)
{
    if (!maqet_state_file_exists(session->machine->context, session->machine->name, name))
        return;
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};
    if (maqet_state_file_about(session->machine->context, session->machine->name, name,
                               &about, NULL) == 0 &&
        maqet_identity_belongs(&about, drive, snapshot))
        snapshot->vm_state = (uint64_t)about.allocated;
}

static void
describe(const struct maqet_session *session, struct maqet_member *member,
         struct maqet_drive_list *drive)
{
    const struct maqet_history *history = session->history;
    const char *name = member->drive->name;

    remove_hidden(session, &member->snapshots);
    if (member->drive->overlays && member->drive->overlays->count > 2 &&
        session->machine->run.pid > 0)
        maqet_merge_live_foresee(session->machine, member->drive);
    if (member->drive->overlays)
        maqet_overlay_costs(member->drive, &member->snapshots);
    size_t count = member->snapshots.count;
    drive->drive = maqet_strdup(name);
    drive->names = maqet_alloc(count * sizeof(char *) + 1);
    drive->parents = maqet_alloc(count * sizeof(ssize_t) + 1);
    drive->in_set = maqet_alloc(count * sizeof(bool) + 1);
    for (size_t i = 0; i < count; i++) {
        struct maqet_snapshot *snapshot = member->snapshots.items[i];
        const char *known = maqet_member_name_of(session, member, snapshot);

        add_memory(session, name, snapshot, known);
        drive->names[i] = maqet_strdup(known);
        drive->in_set[i] = maqet_history_in_set(history, known, name, snapshot);
    }
    maqet_history_parents(history, name, &member->snapshots, drive->parents, &drive->now);
    drive->snapshots = member->snapshots;
    member->snapshots = (struct maqet_snapshots){0};
}

/* A drive that cannot be listed does not prevent listing the others. */
static void
say_not_listed(const struct maqet_session *session, const struct maqet_drive *drive,
               const struct maqet_error *reason)
{
    maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                      "Snapshots of drive '%s' on VM '%s' cannot be listed: %s",
                      drive->name, session->machine->name, reason->message);
}

/* Leaves out drives whose list cannot be read, except those that QEMU lists. False: that is
 * none of them, or all. */
static bool
choose_readable(struct maqet_session *session)
{
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;
    size_t count = session->count;

    for (size_t i = 0; i < count; i++) {
        const struct maqet_drive *drive = session->members[i].drive;
        _cleanup_snapshots_ struct maqet_snapshots read = {0};
        _cleanup_error_ struct maqet_error *reason = NULL;

        if ((session->machine->run.pid > 0 && drive->path) ||
            maqet_drive_snapshots_read(drive, &read, &reason) == 0)
            maqet_strings_add(&able, drive->name);
        else if (count > 1)
            say_not_listed(session, drive, reason);
    }
    if (able.count == 0 || able.count == count)
        return false;
    maqet_members_choose_listed(session, &able);
    return true;
}

static int
refresh(struct maqet_session *session, const struct maqet_snapshot_request *request,
        struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_members_refresh(session, &reason) == 0)
        return 0;
    return !request->drive && choose_readable(session)
               ? maqet_members_refresh(session, err)
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* Chooses the requested drive, or all that support snapshots. */
static int
choose(struct maqet_session *session, const struct maqet_snapshot_request *request,
       struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;
    const struct maqet_strings *exclude = request->exclude;
    const struct maqet_drive *unknown = NULL;

    if (request->drive)
        return maqet_members_choose(session, request->drive, err);
    for (size_t i = 0; exclude && i < exclude->count; i++)
        if (!maqet_vm_find_drive(session->machine->vm, exclude->items[i], err))
            return -1;
    for (size_t i = 0; i < session->machine->vm->drive_count; i++) {
        const struct maqet_drive *drive = session->machine->vm->drives[i];
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (exclude && maqet_strings_has(exclude, drive->name))
            continue;
        if (maqet_drive_check_fault(drive, MAQET_FAULT_ENTRY, &reason) < 0) {
            say_not_listed(session, drive, reason);
            unknown = drive;
        } else if (maqet_drive_has_snapshots(drive)) {
            maqet_strings_add(&able, drive->name);
        }
    }
    if (able.count == 0 && unknown)
        return maqet_drive_check_fault(unknown, MAQET_FAULT_ENTRY, err);
    maqet_members_choose_listed(session, &able);
    return 0;
}

struct maqet_snapshot_list *
maqet_snapshot_list(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request,
                    struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_look(context, request->vm, err);
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!session)
        return NULL;
    maqet_interrupted_warn(session->job);
    /* A history that cannot be read must not look like an empty one. */
    if (maqet_history_check(session->history, &reason) < 0)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", reason->message);
    if (choose(session, request, err) < 0)
        return NULL;
    /* If QEMU hangs, the images are read. */
    session->machine->on_silence = MAQET_ON_SILENCE_READ;
    if (refresh(session, request, err) < 0)
        return NULL;

    struct maqet_snapshot_list *list = maqet_alloc(sizeof(*list));
    list->vm = maqet_strdup(session->machine->name);
    list->live = session->machine->run.pid > 0;
    list->drives = maqet_alloc(session->count * sizeof(*list->drives) + 1);
    for (size_t i = 0; i < session->count; i++) {
        if (list->live && session->members[i].drive->path)
            add_usage(&session->members[i]);
        describe(session, &session->members[i], &list->drives[list->count++]);
    }
    return list;
}
