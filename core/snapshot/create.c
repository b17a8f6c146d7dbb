/* SPDX-License-Identifier: MIT */
/*
 * create.c - creates snapshots.
 *
 * Replacing a snapshot never leaves none, though neither qemu-img nor QEMU's monitor can
 * rename one: (1) the new snapshots are created under another name, that of the stand-in;
 * (2) the old ones are deleted; (3) the new ones are created again under their name; (4) the
 * stand-ins are deleted. At any time either all drives have one of the name, or all have the
 * stand-in. The recovery relies on that.
 */
#include "core/snapshot/create.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/job/recover.h"
#include "core/machine/run.h"
#include "core/machine/state.h"
#include "core/snapshot/choice.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"
#include "core/storage/overlays.h"

/* More files, one on another, are worth a warning. */
enum { FILES_MANY = 30 };

void
maqet_snapshot_receipt_clear(struct maqet_snapshot_receipt *receipt)
{
    maqet_strings_clear(&receipt->drives);
    maqet_snapshot_left_clear(&receipt->left);
    *receipt = (struct maqet_snapshot_receipt){0};
}

/* ---- existing snapshots ---- */

/* *existing: a drive has one of that name, which is to be replaced. */
static int
check_existing(const struct maqet_session *session, const char *name, bool overwrite,
               bool *existing, struct maqet_error **err)
{
    *existing = false;
    MAQET_FOR_EACH_MEMBER (member, session) {
        size_t count;

        maqet_member_find(session, member, name, &count);
        if (count > 1)
            return maqet_member_error_duplicate(session, member, name, count, err);
        if (count > 0 && !overwrite) {
            maqet_member_error_exists(session, member, name, err);
            return maqet_error_next(err, MAQET_NEXT_OVERWRITE, NULL);
        }
        *existing = *existing || count > 0;
    }
    return 0;
}

/* A name for the stand-in that users cannot give: of the same length, so that it can be
 * renamed in place. Tools do not take it for an option. NULL: all are taken; the caller
 * frees. */
static char *
stand_in_for(const struct maqet_session *session, const char *name)
{
    for (const char *first = ".:+_"; *first; first++) {
        _cleanup_free_ char *tag = maqet_format("%c%s", *first, name + 1);
        bool taken = false;

        MAQET_FOR_EACH_MEMBER (member, session)
            taken = taken || maqet_snapshots_find(&member->snapshots, tag, NULL);
        if (!taken)
            return TAKE_PTR(tag);
    }
    return NULL;
}

/* ---- creating ---- */

static int
replace(struct maqet_session *session, const struct maqet_snapshot_request *request,
        struct maqet_error **err)
{
    _cleanup_free_ char *stand_in = stand_in_for(session, request->name);
    const char *name = request->name;
    int64_t freeze = request->freeze_timeout;

    if (!stand_in)
        return maqet_error_set(err, MAQET_ERROR_EXISTS,
                               "VM '%s': no name is free for the temporary snapshot "
                               "that is needed to replace '%s'",
                               session->machine->name, name);
    return maqet_session_begin(session, &maqet_kind_overwrite, name, stand_in, err) < 0 ||
                   maqet_steps_create(session, stand_in, freeze, err) < 0 ||
                   maqet_steps_remove(session, name, false, NULL, err) < 0 ||
                   maqet_members_refresh(session, err) < 0 ||
                   maqet_steps_create(session, name, freeze, err) < 0 ||
                   maqet_steps_remove(session, stand_in, false, NULL, err) < 0 ||
                   maqet_members_refresh(session, err) < 0
               ? -1
               : 0;
}

static int
make(struct maqet_session *session, const struct maqet_snapshot_request *request,
     struct maqet_error **err)
{
    return maqet_session_begin(session, &maqet_kind_create, request->name, NULL, err) < 0
               ? -1
               : maqet_steps_create(session, request->name, request->freeze_timeout, err);
}

int
maqet_snapshot_check_name(const char *noun, const char *name, struct maqet_error **err)
{
    return maqet_snapshot_name_valid(name)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_INVALID,
                                 "invalid %s name '%s': use a letter or digit, then "
                                 "letters, digits and '_', '.', ':', '+', '-'; at most "
                                 "128 characters",
                                 noun, name);
}

static enum maqet_consistency
consistency_of(const struct maqet_session *session, bool quiesce)
{
    struct maqet_state state;

    if (session->machine->run.pid > 0)
        return quiesce ? MAQET_CONSISTENCY_FILE_SYSTEM : MAQET_CONSISTENCY_CRASH;
    /* For the guest, `stop --force` is a power cut, too. */
    return maqet_state_look(session->machine->context, session->machine->name, &state,
                            NULL) < 0 ||
                   state.status == MAQET_STATUS_CRASHED ||
                   faccessat(session->machine->run.dir_fd, MAQET_RUN_FORCED, F_OK, 0) == 0
               ? MAQET_CONSISTENCY_CRASH
               : MAQET_CONSISTENCY_OFF;
}

/* Records what a set will not contain, so that it need not be excluded again to load it. */
static int
record_excluded(struct maqet_session *session,
                const struct maqet_snapshot_request *request,
                const struct maqet_strings *excluded, struct maqet_error **err)
{
    bool is_part = !request->drive && excluded->count > 0;

    if (!is_part && !maqet_history_set_begun(session->history, request->name))
        return 0;
    maqet_history_set_begin(session->history, request->name, is_part ? excluded : NULL);
    return maqet_history_save(session->history, err);
}

void
maqet_snapshot_warn_of_depth(const struct maqet_session *session)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_overlays *overlays = member->drive->overlays;
        size_t depth = overlays ? maqet_overlays_depth(overlays, overlays->top) : 0;

        if (depth > FILES_MANY)
            maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                              "VM '%s', drive '%s': its present state stands on %zu "
                              "files, one on another, which makes it slower; deleted "
                              "snapshots are merged",
                              session->machine->name, member->drive->name, depth);
    }
}

int
maqet_snapshot_create(const struct maqet_context *context,
                      const struct maqet_snapshot_request *request,
                      struct maqet_snapshot_receipt *receipt, struct maqet_error **err)
{
    bool replaces;

    if (maqet_snapshot_check_name("snapshot", request->name, err) < 0)
        return -1;
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);
    double begun = maqet_now_exact();
    if (!session ||
        maqet_choice_make(session, request, MAQET_PURPOSE_CREATE, &receipt->left, err) <
            0 ||
        check_existing(session, request->name, request->overwrite, &replaces, err) < 0 ||
        (replaces && maqet_identity_check_none(session, request->name, err) < 0))
        return -1;
    if (request->freeze_timeout >= 0 && session->machine->run.pid == 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s' is not running, so its file systems cannot and need "
                        "not be frozen",
                        session->machine->name);
        return maqet_error_next(err, MAQET_NEXT_FREEZE_NOTHING, NULL);
    }
    receipt->live = session->machine->run.pid > 0;
    receipt->replaced = replaces;
    receipt->consistency = consistency_of(session, request->freeze_timeout >= 0);
    if (record_excluded(session, request, &receipt->left.excluded, err) < 0)
        return -1;
    if ((replaces ? replace(session, request, err) : make(session, request, err)) < 0)
        return maqet_job_fail(session->job, err);
    maqet_members_note_created(session, request->name);
    if (maqet_session_done(session, err) < 0)
        return maqet_job_fail(session->job, err);
    receipt->wall = maqet_now_exact() - begun;
    receipt->stopped = session->stillness.stopped;
    receipt->pause = session->stillness.pause;
    maqet_members_names(session, &receipt->drives);
    maqet_snapshot_warn_of_depth(session);
    return 0;
}

/* ---- recovery ---- */

static int
recover_create(struct maqet_session *session, struct maqet_error **err)
{
    const char *name = session->job->journal.name;
    size_t made = maqet_members_count_named(session, name);

    if (made == session->count && made > 0) {
        maqet_members_note_created(session, name);
        maqet_job_say(session->job, "it is complete");
        return 0;
    }
    if (maqet_steps_remove(session, name, true, NULL, err) < 0)
        return -1;
    if (made > 0)
        maqet_job_say(session->job, "the incomplete snapshot has been deleted");
    else
        maqet_job_say_nothing_left(session->job, "nothing to clean up");
    return 0;
}

/* Whether a drive has a snapshot of that name which the job has created or was to replace. */
static bool
has_own(const struct maqet_session *session, const struct maqet_member *member,
        const char *name)
{
    for (size_t i = 0; i < member->snapshots.count; i++) {
        const struct maqet_snapshot *snapshot = member->snapshots.items[i];

        if (strcmp(maqet_member_name_of(session, member, snapshot), name) == 0 &&
            maqet_member_is_own(session, member, snapshot))
            return true;
    }
    return false;
}

/* Gives the stand-ins the name, by an alias. */
static int
promote(struct maqet_session *session, const char *stand_in, struct maqet_error **err)
{
    const char *name = session->job->journal.name;

    if (maqet_steps_remove(session, name, true, NULL, err) < 0 ||
        maqet_members_refresh(session, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session) {
        maqet_history_alias_set(session->history, member->drive->name,
                                maqet_snapshots_find(&member->snapshots, stand_in, NULL),
                                name);
    }
    maqet_members_note_created(session, name);
    maqet_job_say(session->job,
                  "the new one was complete under a temporary name and replaces the "
                  "old one");
    return 0;
}

/* Whether all drives have a new snapshot of the name, and not the one to replace. */
static bool
is_replaced(const struct maqet_session *session, const char *name)
{
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, NULL);

        if (!found || found == maqet_member_recorded(session, member) ||
            !maqet_member_is_own(session, member, found))
            return false;
    }
    return session->job->journal.boot != NULL;
}

/*
 * The stand-ins were complete before the first old snapshot was deleted, and are deleted
 * only when the new ones are complete. So if all drives have a snapshot of the name, that is
 * the old or the new set, and the stand-ins are deleted; and if only the stand-ins are
 * complete, they are the new set, and get the name.
 */
static int
recover_overwrite(struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_journal *journal = &session->job->journal;
    const char *stand_in = journal->stand_in;
    size_t begun = 0, own = 0;

    MAQET_FOR_EACH_MEMBER (member, session) {
        begun += maqet_snapshots_find(&member->snapshots, stand_in, NULL) != NULL;
        own += has_own(session, member, journal->name);
    }
    if (own < session->count && begun == session->count)
        return promote(session, stand_in, err);
    if (maqet_steps_remove(session, stand_in, true, NULL, err) < 0)
        return -1;
    if (is_replaced(session, journal->name)) {
        maqet_members_note_created(session, journal->name);
        maqet_job_say(session->job, "the new one is complete");
    } else if (begun == 0) {
        maqet_job_say_nothing_left(session->job, "nothing to clean up");
    } else {
        maqet_job_say(session->job,
                      "either the old or the new one is complete; nothing was lost");
    }
    return 0;
}

/* ---- the rows ---- */

const struct maqet_job_kind maqet_kind_create = {
    .word = "create",
    .noun = "creation of snapshot",
    MAQET_JOB_PHASES(
        {.word = "make", .former = "create", .finishing = MAQET_CREATE_FINISHING}),
    .blocks_start = true,
    .makes_snapshots = true,
    .makes_set = true,
    .recover_session = recover_create,
    .recover = maqet_session_recover,
    .forget = maqet_session_forget,
};

const struct maqet_job_kind maqet_kind_overwrite = {
    .word = "overwrite",
    .noun = "replacement of snapshot",
    MAQET_JOB_PHASES(
        {.word = "replace", .former = "overwrite", .finishing = MAQET_CREATE_FINISHING}),
    .blocks_start = true,
    .needs_stand_in = true,
    .makes_snapshots = true,
    .recover_session = recover_overwrite,
    .recover = maqet_session_recover,
    .forget = maqet_session_forget,
};
