/* SPDX-License-Identifier: MIT */
/*
 * steps.c - the plugin chooses the command of QEMU's QMP reference for a live snapshot, such
 * as `blockdev-snapshot-internal-sync` in a `transaction`.
 */
#include "core/snapshot/steps.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/bitmaps.h"
#include "core/machine/forks.h"
#include "core/machine/monitor.h"
#include "core/qemu/objects.h"
#include "core/snapshot/members.h"
#include "core/snapshot/quiesce.h"
#include "core/snapshot/merge_live.h"
#include "core/snapshot/overlay_live.h"
#include "core/storage/callback.h"
#include "core/storage/overlays.h"

/* ms for which the guest's file systems are frozen at most. */
static const int64_t HOLD_TIMEOUT = 60000;

/* The name that the user gave, if this is the stand-in's; else NULL. */
static const char *
stood_in_for(const struct maqet_session *session, const char *name)
{
    const struct maqet_journal *journal = &session->job->journal;

    return journal->stand_in && strcmp(journal->stand_in, name) == 0 ? journal->name
                                                                     : NULL;
}

/* ---- creating ---- */

/* The time of an event by QEMU's clock, in ms. */
static double
time_of(json_object *event)
{
    json_object *stamp = json_object_object_get(event, "timestamp");

    return (double)maqet_json_int(stamp, "seconds") * 1000 +
           (double)maqet_json_int(stamp, "microseconds") / 1000;
}

void
maqet_steps_measure(struct maqet_session *session)
{
    struct maqet_stillness *stillness = &session->stillness;

    for (;;) {
        bool still = stillness->since > 0;
        _cleanup_json_ json_object *event =
            maqet_qmp_event(session->machine->qmp, still ? "RESUME" : "STOP", 0, NULL);

        if (!event)
            return;
        stillness->stopped = true;
        if (still)
            stillness->pause += time_of(event) - stillness->since;
        stillness->since = still ? 0 : time_of(event);
    }
}

int
maqet_steps_prepare(struct maqet_session *session, const char *name,
                    struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        if (!member->drive->overlays ||
            maqet_overlay_live_prepare(session->machine, member->drive, name, err) == 0)
            continue;
        maqet_steps_finish(session, -1, NULL);
        return -1;
    }
    return 0;
}

int
maqet_steps_finish(struct maqet_session *session, int result, struct maqet_error **err)
{
    int finished = result;

    MAQET_FOR_EACH_MEMBER (member, session) {
        if (!member->drive->overlays || member->drive->overlays->prepared == 0)
            continue;
        if (result < 0)
            maqet_overlay_live_settle(session->machine, member->drive, NULL);
        else if (maqet_overlay_live_done(member->drive, finished < 0 ? NULL : err) < 0)
            finished = -1;
    }
    return finished;
}

/* Drives that are about to get a snapshot inside of their images lose their bitmaps. */
static int
give_up_bitmaps(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_free_ const char **nodes =
        maqet_alloc((session->count + 1) * sizeof(*nodes));
    size_t count = 0;

    MAQET_FOR_EACH_MEMBER (member, session)
        if (!member->drive->overlays)
            nodes[count++] = maqet_drive_node(member->drive);
    return count > 0 ? maqet_bitmaps_give_up(session->machine, nodes, count, err) : 0;
}

int
maqet_steps_transact(struct maqet_session *session, const char *name,
                     struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (give_up_bitmaps(session, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session)
        if (maqet_storage_live_create(member->drive, name, actions, err) < 0)
            return -1;
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        session->machine, "transaction", maqet_actions_transaction(actions), err);
    const char *meant = stood_in_for(session, name);
    return answer ? 0
                  : maqet_error_wrap(err, "Cannot create the snapshot '%s'",
                                     meant ? meant : name);
}

static int
create_live(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    int result = maqet_steps_transact(session, name, err);

    if (maqet_steps_finish(session, result, err) < 0)
        return -1;
    maqet_steps_measure(session);
    return 0;
}

static int
create_offline(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session)
        if (maqet_drive_snapshot_create(member->drive, name, stood_in_for(session, name),
                                        err) < 0)
            return -1;
    return 0;
}

/* Creates it while the guest's file systems are frozen. */
static int
create_quiesced(struct maqet_session *session, const char *name, int64_t freeze_timeout,
                struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    bool held;
    struct maqet_quiesce *quiesce = maqet_quiesce_begin(
        session->machine->run.dir_fd, session->machine->name, session->machine->run.pidfd,
        freeze_timeout, HOLD_TIMEOUT, err);

    if (!quiesce)
        return maqet_steps_finish(session, -1, NULL);
    int result = create_live(session, name, err);
    int thawed = maqet_quiesce_end(quiesce, &held, result < 0 ? &reason : err);
    maqet_error_free(reason);
    /* A recovery would take a snapshot that was not created as requested for complete. */
    if ((thawed < 0 || !held) && maqet_members_refresh(session, NULL) == 0)
        maqet_steps_remove(session, name, true, NULL, NULL);
    if (result < 0 || thawed < 0)
        return -1;
    return held ? 0
                : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                  "VM '%s': its file systems did not stay frozen "
                                  "until the snapshot was complete",
                                  session->machine->name);
}

int
maqet_steps_create(struct maqet_session *session, const char *name,
                   int64_t freeze_timeout, struct maqet_error **err)
{
    bool runs = session->machine->run.pid > 0;

    if (runs && maqet_steps_prepare(session, name, err) < 0)
        return -1;
    int result = !runs ? create_offline(session, name, err)
                 : freeze_timeout < 0
                     ? create_live(session, name, err)
                     : create_quiesced(session, name, freeze_timeout, err);

    return result < 0 ? -1 : maqet_members_refresh(session, err);
}

/* ---- deleting ---- */

static int
remove_live(struct maqet_session *session, const struct maqet_drive *drive,
            const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();
    const char *meant = stood_in_for(session, snapshot->name);

    if (drive->overlays) {
        int result = maqet_merge_live_remove(session->machine, drive, snapshot, err);

        maqet_session_note_tidied(session, drive, result == 0);
        return result;
    }
    if (maqet_forks_check_readers(session->machine->vm, drive, err) < 0 ||
        maqet_storage_live_remove(drive, snapshot, actions, err) < 0)
        return -1;
    if (maqet_monitor_run_actions(session->machine, actions, err) == 0)
        return 0;
    return maqet_error_wrap(err, "Cannot delete %sthe snapshot '%s' of drive '%s'",
                            meant ? "what stood in for " : "",
                            meant ? meant : snapshot->name, drive->name);
}

static int
remove_offline(struct maqet_session *session, const struct maqet_drive *drive,
               const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    int result = maqet_drive_snapshot_remove(drive, snapshot,
                                             stood_in_for(session, snapshot->name), err);

    if (drive->overlays)
        maqet_session_note_tidied(session, drive, result == 0);
    return result;
}

/* Whether it is an overlay. */
static bool
is_overlay(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot)
{
    return drive->overlays && maqet_overlays_find(drive->overlays, snapshot->name);
}

/* A merge can fail when the snapshot is no longer one. */
static void
remark_deleted(const struct maqet_session *session, const struct maqet_drive *drive,
               const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    maqet_error_remark(err,
                       "The snapshot '%s' of drive '%s' is deleted; what it held is "
                       "merged with others %s",
                       snapshot->name, drive->name,
                       session->machine->run.pid > 0
                           ? "by the first command on snapshots when the VM is stopped"
                           : "by the next command on snapshots");
}

/* Deletes a snapshot, with its entries in the history. */
static int
remove_one(struct maqet_session *session, const struct maqet_member *member,
           const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    const struct maqet_drive *drive = member->drive;
    bool was_overlay = is_overlay(drive, snapshot);

    if ((session->machine->run.pid > 0
             ? remove_live(session, drive, snapshot, err)
             : remove_offline(session, drive, snapshot, err)) < 0) {
        /* A stand-in is nothing that the user knows. */
        if (was_overlay && !is_overlay(drive, snapshot) &&
            !session->job->journal.stand_in)
            remark_deleted(session, drive, snapshot, err);
        return -1;
    }
    maqet_history_removed(session->history, drive->name, snapshot);
    maqet_history_alias_set(session->history, drive->name, snapshot, NULL);
    return 0;
}

int
maqet_steps_remove(struct maqet_session *session, const char *name, bool own,
                   struct maqet_strings *drives, struct maqet_error **err)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        bool found = false;

        for (size_t j = 0; j < member->snapshots.count; j++) {
            const struct maqet_snapshot *snapshot = member->snapshots.items[j];

            if (strcmp(maqet_member_name_of(session, member, snapshot), name) != 0 ||
                (own && !maqet_member_is_own(session, member, snapshot)))
                continue;
            if (remove_one(session, member, snapshot, err) < 0)
                return -1;
            found = true;
        }
        if (found && drives)
            maqet_strings_add(drives, member->drive->name);
    }
    return 0;
}
