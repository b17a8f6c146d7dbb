/* SPDX-License-Identifier: MIT */
/*
 * create.c - making snapshots.
 *
 * Replacing one of the same name never leaves none, though neither qemu-img nor QEMU's
 * monitor can rename: (1) the new state is kept under another name, the stand-in, on all
 * drives; (2) the old snapshots go; (3) the new ones are made; (4) the stand-ins go. At
 * any instant either all drives have one of the name, or all have the stand-in. repair.c
 * follows from that.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/machine/run.h"
#include "core/machine/state.h"
#include "core/snapshot/choice.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/session.h"

const char *
maqet_consistency_name(enum maqet_consistency consistency)
{
    static const char *const names[] = {
        [MAQET_CONSISTENCY_CRASH] = "crash",
        [MAQET_CONSISTENCY_FILE_SYSTEM] = "file-system",
        [MAQET_CONSISTENCY_OFF] = "off",
    };

    return names[consistency];
}

void
maqet_snapshot_receipt_clear(struct maqet_snapshot_receipt *receipt)
{
    maqet_strings_clear(&receipt->drives);
    maqet_snapshot_left_clear(&receipt->left);
    *receipt = (struct maqet_snapshot_receipt){0};
}

/* ---- what is there already ---- */

static int
error_exists(const struct maqet_session *session, const struct maqet_member *member,
             const char *name, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_EXISTS,
                    "There is a snapshot '%s' of drive '%s' on VM '%s' already", name,
                    member->drive->name, session->machine->name);
    maqet_error_hint(err, "Give another name");
    maqet_error_hint(err, "Replace it, if it is no longer needed: add --overwrite");
    return -1;
}

/* *existing: at least one drive has one of that name, which is to be replaced. */
static int
check_existing(const struct maqet_session *session, const char *name, bool overwrite,
               bool *existing, struct maqet_error **err)
{
    *existing = false;
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        size_t count;

        maqet_session_find(session, member, name, &count);
        if (count > 1)
            return maqet_session_error_duplicate(session, member, name, count, err);
        if (count > 0 && !overwrite)
            return error_exists(session, member, name, err);
        *existing = *existing || count > 0;
    }
    return 0;
}

/*
 * A name for the stand-in that no user can have given: as long as the other one, so that
 * a type which renames in place can rename it. Returns NULL when all are taken; the
 * caller frees.
 */
static char *
stand_in_for(const struct maqet_session *session, const char *name)
{
    for (const char *first = ".:+-_"; *first; first++) {
        _cleanup_free_ char *tag = maqet_format("%c%s", *first, name + 1);
        bool taken = false;

        for (size_t i = 0; i < session->count; i++)
            taken =
                taken || maqet_snapshots_find(&session->members[i].snapshots, tag, NULL);
        if (!taken)
            return TAKE_PTR(tag);
    }
    return NULL;
}

/* ---- the steps ---- */

/* Deletes all that bears the name, or the tag where @tag is set. */
static int
remove_all(struct maqet_session *session, const char *name, bool tag,
           struct maqet_error **err)
{
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            tag ? maqet_snapshots_find(&member->snapshots, name, NULL)
                : maqet_session_find(session, member, name, NULL);

        if (!found)
            continue;
        if (maqet_session_remove(session, member, found, err) < 0)
            return -1;
        if (!tag)
            maqet_history_removed(session->history, member->drive->name, found);
    }
    return maqet_session_refresh(session, err);
}

static int
replace(struct maqet_session *session, const struct maqet_snapshot_request *request,
        struct maqet_stillness *stillness, struct maqet_error **err)
{
    _cleanup_free_ char *stand_in = stand_in_for(session, request->name);
    const char *name = request->name;

    if (!stand_in)
        return maqet_error_set(err, MAQET_ERROR_EXISTS,
                               "Virtual machine '%s': no name is free for the snapshot "
                               "that stands in while '%s' is replaced",
                               session->machine->name, name);
    if (maqet_session_begin(session, MAQET_OPERATION_OVERWRITE, name, stand_in, err) < 0)
        return -1;
    return maqet_session_create(session, stand_in, request->freeze_timeout, stillness,
                                err) < 0 ||
                   maqet_session_refresh(session, err) < 0 ||
                   remove_all(session, name, false, err) < 0 ||
                   maqet_session_create(session, name, request->freeze_timeout, stillness,
                                        err) < 0 ||
                   maqet_session_refresh(session, err) < 0 ||
                   remove_all(session, stand_in, true, err) < 0
               ? -1
               : 0;
}

static int
make(struct maqet_session *session, const struct maqet_snapshot_request *request,
     struct maqet_stillness *stillness, struct maqet_error **err)
{
    if (maqet_session_begin(session, MAQET_OPERATION_CREATE, request->name, NULL, err) <
        0)
        return -1;
    return maqet_session_create(session, request->name, request->freeze_timeout,
                                stillness, err) < 0 ||
                   maqet_session_refresh(session, err) < 0
               ? -1
               : 0;
}

/* ---- the whole ---- */

static int
check_name(const char *name, struct maqet_error **err)
{
    if (maqet_snapshot_name_valid(name))
        return 0;
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "'%s' can't name a snapshot: a letter or digit, then letters, digits "
                    "and '_', '.', ':', '+', '-', 128 at most",
                    name);
    return -1;
}

static enum maqet_consistency
consistency_of(const struct maqet_session *session, bool quiesce)
{
    struct maqet_state state;

    if (session->machine->run.pid > 0)
        return quiesce ? MAQET_CONSISTENCY_FILE_SYSTEM : MAQET_CONSISTENCY_CRASH;
    /* To the guest, QEMU killed by `stop --force` is a power cut, too. */
    return maqet_state_look(session->machine->context, session->machine->name, &state,
                            NULL) < 0 ||
                   state.status == MAQET_STATUS_CRASHED ||
                   faccessat(session->machine->run.dir_fd, MAQET_RUN_FORCED, F_OK, 0) == 0
               ? MAQET_CONSISTENCY_CRASH
               : MAQET_CONSISTENCY_OFF;
}

/* Writes down what a set is about to be made without, so that loading it later does not
 * ask for that again. */
static int
announce(struct maqet_session *session, const struct maqet_snapshot_request *request,
         const struct maqet_strings *excluded, struct maqet_error **err)
{
    bool is_part = !request->drive && excluded->count > 0;

    if (!is_part && !maqet_history_set_begun(session->history, request->name))
        return 0;
    maqet_history_set_begin(session->history, request->name, is_part ? excluded : NULL);
    return maqet_history_save(session->history, err);
}

static int
finish(struct maqet_session *session, const char *name, struct maqet_error **err)
{
    maqet_session_note_created(session, name);
    return maqet_history_save(session->history, err) < 0
               ? -1
               : maqet_session_done(session, err);
}

int
maqet_snapshot_create(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request,
                      struct maqet_snapshot_receipt *receipt, struct maqet_error **err)
{
    struct maqet_stillness stillness = {0};
    bool replaces;

    if (check_name(request->name, err) < 0)
        return -1;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);
    double begun = maqet_now_exact();
    if (!session || maqet_session_repair(session, err) < 0 ||
        maqet_session_check_way(session, request->way, err) < 0 ||
        maqet_session_choose_for(session, request, MAQET_PURPOSE_CREATE, &receipt->left,
                                 err) < 0 ||
        check_existing(session, request->name, request->overwrite, &replaces, err) < 0 ||
        (replaces && maqet_identity_check_none(session, request->name, err) < 0))
        return -1;
    if (request->freeze_timeout >= 0 && session->machine->run.pid == 0)
        return maqet_error_set(err, MAQET_ERROR_STATE,
                               "Virtual machine '%s' is not running, so its file systems "
                               "can't and need not be frozen; leave --quiesce out",
                               session->machine->name);
    receipt->live = session->machine->run.pid > 0;
    receipt->replaced = replaces;
    receipt->consistency = consistency_of(session, request->freeze_timeout >= 0);
    if (announce(session, request, &receipt->left.excluded, err) < 0)
        return -1;
    if ((replaces ? replace(session, request, &stillness, err)
                  : make(session, request, &stillness, err)) < 0 ||
        finish(session, request->name, err) < 0)
        return maqet_session_recover(session, err);
    receipt->wall = maqet_now_exact() - begun;
    receipt->stopped = stillness.stopped;
    receipt->pause = stillness.pause;
    for (size_t i = 0; i < session->count; i++)
        maqet_strings_add(&receipt->drives, session->members[i].drive->name);
    return 0;
}
