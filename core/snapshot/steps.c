/* SPDX-License-Identifier: MIT */
/*
 * steps.c - the elementary steps of a session: reading the lists, making and deleting
 * snapshots, by QEMU's monitor when it runs and by the plugins when it doesn't.
 *
 * The commands are those of QEMU's QMP reference: `transaction` with
 * `blockdev-snapshot-internal-sync` for example, though it is the plugin who says which.
 * `query-named-block-nodes` knows the snapshots of any node.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/run.h"
#include "core/qemu/actions.h"
#include "core/snapshot/quiesce.h"
#include "core/snapshot/session.h"
#include "core/storage/callback.h"

/* ms for which the guest's file systems stand still at most. */
static const int64_t HOLD_TIMEOUT = 60000;

/* ---- reading ---- */

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

/* The snapshots that QEMU tells of one of its nodes. */
static void
read_reported(json_object *node, struct maqet_snapshots *snapshots)
{
    json_object *image = NULL, *list = NULL;

    json_object_object_get_ex(node, "image", &image);
    json_object_object_get_ex(image, "snapshots", &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        add_reported(snapshots, json_object_array_get_idx(list, i));
}

/* Whether QEMU is asked for the snapshots of a drive: while it runs, the image is in its
 * hands. What lies elsewhere is in those of a service, which its plugin asks, running or
 * not: so a snapshot has the same id and date at all times, and a service that doesn't
 * answer is found out before QEMU waits for it. */
static bool
is_asked(const struct maqet_session *session, const struct maqet_member *member)
{
    return session->machine->run.pid > 0 && member->drive->path;
}

static int
refresh_live(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(session->machine, err);

    if (!nodes)
        return -1;
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];

        if (!is_asked(session, member))
            continue;
        json_object *node =
            maqet_monitor_find_node(nodes, maqet_drive_node(member->drive));
        if (!node)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "QEMU of virtual machine '%s' has no drive '%s'; it "
                                   "was started without it, or it was removed since",
                                   session->machine->name, member->drive->name);
        maqet_snapshots_clear(&member->snapshots);
        read_reported(node, &member->snapshots);
    }
    return 0;
}

/* Reads the lists of those that QEMU is asked for, or of the others, from what they are
 * made of. */
static int
read_images(struct maqet_session *session, bool asked, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];

        if (is_asked(session, member) == asked &&
            maqet_drive_snapshots_read(member->drive, &member->snapshots, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_session_refresh(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool asks = false;

    if (read_images(session, false, err) < 0)
        return -1;
    for (size_t i = 0; i < session->count; i++)
        asks = asks || is_asked(session, &session->members[i]);
    if (!asks || (!maqet_monitor_does_without(session->machine) &&
                  refresh_live(session, &reason) == 0))
        return 0;
    return maqet_monitor_does_without(session->machine)
               ? read_images(session, true, err)
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- names in messages ---- */

/* The name that the user gave, where this one only stands in for it; else NULL. */
static const char *
stood_in_for(const struct maqet_session *session, const char *name)
{
    const struct maqet_journal *journal = &session->journal;

    return journal->stand_in && strcmp(journal->stand_in, name) == 0 ? journal->name
                                                                     : NULL;
}

/* ---- creating ---- */

/* {"type": NAME, "data": ARGUMENTS} for each action, as `transaction` takes them. */
static json_object *
render(const struct maqet_actions *actions)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < maqet_actions_count(actions); i++) {
        json_object *action = json_object_new_object();

        json_object_object_add(action, "type",
                               json_object_new_string(maqet_actions_name(actions, i)));
        json_object_object_add(action, "data", maqet_actions_arguments(actions, i));
        json_object_array_add(list, action);
    }
    json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "actions", list);
    return arguments;
}

/* The moment of an event by QEMU's clock, in ms. */
static double
moment(json_object *event)
{
    json_object *stamp = NULL;

    json_object_object_get_ex(event, "timestamp", &stamp);
    return (double)maqet_json_int(stamp, "seconds") * 1000 +
           (double)maqet_json_int(stamp, "microseconds") / 1000;
}

void
maqet_session_measure(struct maqet_session *session, struct maqet_stillness *stillness)
{
    for (;;) {
        bool still = stillness->since > 0;
        _cleanup_json_ json_object *event =
            maqet_qmp_event(session->machine->qmp, still ? "RESUME" : "STOP", 0, NULL);

        if (!event)
            return;
        stillness->stopped = true;
        if (still)
            stillness->pause += moment(event) - stillness->since;
        stillness->since = still ? 0 : moment(event);
    }
}

int
maqet_session_transact(struct maqet_session *session, const char *name,
                       struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    for (size_t i = 0; i < session->count; i++)
        if (maqet_storage_live_create(session->members[i].drive, name, actions, err) < 0)
            return -1;
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(session->machine, "transaction", render(actions), err);
    const char *meant = stood_in_for(session, name);
    return answer ? 0
                  : maqet_error_wrap(err, "Can't create the snapshot '%s'",
                                     meant ? meant : name);
}

static int
create_live(struct maqet_session *session, const char *name,
            struct maqet_stillness *stillness, struct maqet_error **err)
{
    if (maqet_session_transact(session, name, err) < 0)
        return -1;
    maqet_session_measure(session, stillness);
    return 0;
}

static int
create_offline(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++)
        if (maqet_drive_snapshot_create(session->members[i].drive, name,
                                        stood_in_for(session, name), err) < 0)
            return -1;
    return 0;
}

/* Deletes what was made and is not what was asked for: a recovery would take it for the
 * complete snapshot that it is otherwise. */
static void
discard_created(struct maqet_session *session, const char *name)
{
    if (maqet_session_refresh(session, NULL) < 0)
        return;
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *made =
            maqet_snapshots_find(&member->snapshots, name, NULL);

        if (made)
            maqet_session_remove(session, member, made, NULL);
    }
}

/* The same while the guest's file systems stand still. */
static int
create_quiesced(struct maqet_session *session, const char *name, int64_t freeze_timeout,
                struct maqet_stillness *stillness, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    bool held;
    struct maqet_quiesce *quiesce = maqet_quiesce_begin(
        session->machine->run.dir_fd, session->machine->name, session->machine->run.pidfd,
        freeze_timeout, HOLD_TIMEOUT, err);

    if (!quiesce)
        return -1;
    int result = create_live(session, name, stillness, err);
    int thawed = maqet_quiesce_end(quiesce, &held, result < 0 ? &reason : err);
    maqet_error_free(reason);
    if (result == 0 && (thawed < 0 || !held))
        discard_created(session, name);
    if (result < 0 || thawed < 0)
        return -1;
    return held ? 0
                : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                  "Virtual machine '%s': its file systems did not stay "
                                  "frozen until the snapshot was complete",
                                  session->machine->name);
}

int
maqet_session_create(struct maqet_session *session, const char *name,
                     int64_t freeze_timeout, struct maqet_stillness *stillness,
                     struct maqet_error **err)
{
    if (session->machine->run.pid == 0)
        return create_offline(session, name, err);
    return freeze_timeout < 0
               ? create_live(session, name, stillness, err)
               : create_quiesced(session, name, freeze_timeout, stillness, err);
}

/* ---- deleting ---- */

static int
error_remove(const struct maqet_session *session, const struct maqet_drive *drive,
             const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    const char *meant = stood_in_for(session, snapshot->name);

    return maqet_error_wrap(err, "Can't delete %sthe snapshot '%s' of drive '%s'",
                            meant ? "what stood in for " : "",
                            meant ? meant : snapshot->name, drive->name);
}

static int
remove_live(struct maqet_session *session, const struct maqet_drive *drive,
            const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();

    if (maqet_storage_live_remove(drive, snapshot, actions, err) < 0)
        return -1;
    return maqet_monitor_run_actions(session->machine, actions, err) < 0
               ? error_remove(session, drive, snapshot, err)
               : 0;
}

int
maqet_session_remove(struct maqet_session *session, const struct maqet_member *member,
                     const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    return session->machine->run.pid > 0
               ? remove_live(session, member->drive, snapshot, err)
               : maqet_drive_snapshot_remove(member->drive, snapshot,
                                             stood_in_for(session, snapshot->name), err);
}
