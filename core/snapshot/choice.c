/* SPDX-License-Identifier: MIT */
#include "core/snapshot/choice.h"

#include <string.h>

#include "core/machine/drives.h"
#include "core/machine/monitor.h"
#include "core/machine/state.h"
#include "core/snapshot/members.h"
#include "core/snapshot/others.h"

void
maqet_snapshot_left_clear(struct maqet_snapshot_left *left)
{
    maqet_strings_clear(&left->skipped);
    maqet_strings_clear(&left->excluded);
}

/* ---- the required state ---- */

static int
error_not_running(const struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_state state = {.status = MAQET_STATUS_STOPPED};

    maqet_state_look(session->machine->context, session->machine->name, &state, NULL);
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is not running (status: %s).",
                    session->machine->name, maqet_status_name(state.status));
    maqet_error_remark(err, "Live snapshots require running VM.");
    maqet_error_next(err, MAQET_NEXT_START_FOR_LIVE, session->machine->name, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_OFFLINE, NULL);
    return maqet_error_next(err, MAQET_NEXT_USE_AUTO_FOR_LIVE, NULL);
}

static int
error_running(const struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_state_ struct maqet_state state = {.status = MAQET_STATUS_RUNNING};

    maqet_state_read(session->machine->context, session->machine->name, &state, NULL);
    maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is %s.", session->machine->name,
                    state.pid > 0 ? maqet_state_text(&state)
                                  : maqet_status_name(MAQET_STATUS_RUNNING));
    maqet_error_remark(err, "Offline snapshots require stopped VM.");
    maqet_error_next(err, MAQET_NEXT_STOP, session->machine->name, NULL);
    maqet_error_next(err, MAQET_NEXT_USE_LIVE, NULL);
    return maqet_error_next(err, MAQET_NEXT_USE_AUTO, NULL);
}

/* Whether the machine is stopped or running as the request requires; a running one must
 * have been found to have its drives for itself. */
static int
check_way(struct maqet_session *session, enum maqet_way way, struct maqet_error **err)
{
    if (way == MAQET_WAY_LIVE && session->machine->run.pid == 0)
        return error_not_running(session, err);
    if (way == MAQET_WAY_OFFLINE && session->machine->run.pid > 0)
        return error_running(session, err);
    if (session->machine->run.pid == 0)
        return 0;
    _cleanup_error_ struct maqet_error *reason = NULL;
    if (maqet_vm_drives_check_asked(session->machine, &reason) == 0)
        return 0;
    /* If only this machine can use its drives, QEMU need not be asked. */
    return maqet_monitor_does_without(session->machine) &&
                   !maqet_vm_drives_are_asked_again(session->machine->vm)
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- all drives ---- */

struct choosing {
    struct maqet_session *session;
    const struct maqet_snapshot_request *request;
    enum maqet_purpose purpose;
    struct maqet_snapshot_left *left;
    struct maqet_writables others;
    bool is_set;                   /* the snapshots are recorded as created together */
    struct maqet_strings set;      /* the drives of that set */
    struct maqet_strings set_left; /* what was excluded from it */
    struct maqet_strings chosen;   /* drives */
    struct maqet_strings missing;  /* what is neither chosen nor left out */
    /* The same as phrases such as "'plain' (raw)". */
    struct maqet_strings unable;    /* drives without support for snapshots */
    struct maqet_strings outside;   /* drives that are not in the set */
    struct maqet_strings unguarded; /* others */
};

static void
choosing_clear(struct choosing *choosing)
{
    struct maqet_strings *const lists[] = {
        &choosing->set,    &choosing->set_left, &choosing->chosen,   &choosing->missing,
        &choosing->unable, &choosing->outside,  &choosing->unguarded};

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        maqet_strings_clear(lists[i]);
    maqet_writables_clear(&choosing->others);
}

/* ---- the set ---- */

/* Whether the snapshots of that name are the recorded set, or what is left of it after
 * some were deleted separately. */
static int
find_set(struct choosing *choosing, struct maqet_error **err)
{
    struct maqet_session *session = choosing->session;
    const char *name = choosing->request->name;
    _cleanup_strings_ struct maqet_strings there = MAQET_STRINGS_INIT;

    maqet_history_set_drives(session->history, name, &choosing->set);
    for (size_t i = 0; i < choosing->set.count; i++)
        if (maqet_vm_find_drive(session->machine->vm, choosing->set.items[i], NULL))
            maqet_strings_add(&there, choosing->set.items[i]);
    if (maqet_members_read(session, &there, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_snapshot *found =
            maqet_member_find(session, member, name, NULL);

        if (found &&
            maqet_history_in_set(session->history, name, member->drive->name, found))
            choosing->is_set = true;
    }
    if (!choosing->is_set)
        return 0;
    maqet_history_set_excluded(session->history, name, &choosing->set_left);
    for (size_t i = 0; i < choosing->set.count; i++)
        if (!maqet_strings_has(&there, choosing->set.items[i]))
            maqet_context_say(session->machine->context, MAQET_LEVEL_WARNING,
                              "VM '%s' no longer has the drive '%s', which is in the set "
                              "'%s'",
                              session->machine->name, choosing->set.items[i], name);
    return 0;
}

/* ---- exclusion ---- */

static bool
is_excluded(const struct choosing *choosing, const char *name)
{
    const struct maqet_strings *exclude = choosing->request->exclude;

    return (exclude && maqet_strings_has(exclude, name)) ||
           maqet_strings_has(&choosing->set_left, name);
}

static int
error_unknown(const struct choosing *choosing, const char *name, struct maqet_error **err)
{
    const struct maqet_session *session = choosing->session;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < session->machine->vm->drive_count; i++)
        maqet_strings_add(&names, session->machine->vm->drives[i]->name);
    for (size_t i = 0; i < choosing->others.count; i++)
        maqet_strings_add(&names, choosing->others.items[i].name);
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "There is no drive '%s' on VM '%s' that could be excluded", name,
                    session->machine->name);
    maqet_error_hint_names(err, name, &names);
    return -1;
}

static int
check_excluded(const struct choosing *choosing, struct maqet_error **err)
{
    const struct maqet_strings *exclude = choosing->request->exclude;

    for (size_t i = 0; exclude && i < exclude->count; i++) {
        const char *name = exclude->items[i];

        if (!maqet_vm_find_drive(choosing->session->machine->vm, name, NULL) &&
            !maqet_writables_find(&choosing->others, name) &&
            !maqet_strings_has(&choosing->set_left, name))
            return error_unknown(choosing, name, err);
    }
    return 0;
}

/* ---- sorting ---- */

/* Takes the phrase. */
static void
add_missing(struct choosing *choosing, struct maqet_strings *phrases, const char *name,
            char *phrase)
{
    maqet_strings_add(&choosing->missing, name);
    maqet_strings_take(phrases, phrase);
}

static void
sort_drive(struct choosing *choosing, const struct maqet_drive *drive)
{
    bool able = maqet_drive_has_snapshots(drive);
    bool in_set = maqet_strings_has(&choosing->set, drive->name);

    /* A share, or a drive that the guest cannot write to. */
    if (!able && (!drive->storage->plugin.interface || maqet_drive_readonly(drive)))
        maqet_strings_add(&choosing->left->skipped, drive->name);
    else if (is_excluded(choosing, drive->name))
        maqet_strings_add(&choosing->left->excluded, drive->name);
    else if (able && (in_set || !choosing->is_set))
        maqet_strings_add(&choosing->chosen, drive->name);
    else
        add_missing(choosing, choosing->is_set ? &choosing->outside : &choosing->unable,
                    drive->name,
                    maqet_format("'%s' (%s)", drive->name,
                                 maqet_drive_is_unknown(drive)
                                     ? drive->fault->message
                                     : drive->storage->plugin.name));
}

static void
sort_all(struct choosing *choosing)
{
    const struct maqet_vm *vm = choosing->session->machine->vm;

    for (size_t i = 0; i < vm->drive_count; i++)
        sort_drive(choosing, vm->drives[i]);
    for (size_t i = 0; i < choosing->others.count; i++) {
        const struct maqet_writable *other = &choosing->others.items[i];

        if (is_excluded(choosing, other->name))
            maqet_strings_add(&choosing->left->excluded, other->name);
        else
            add_missing(choosing, &choosing->unguarded, other->name,
                        maqet_other_text(other));
    }
}

/* ---- what would be missing ---- */

static void
append_missing(struct maqet_text *words, const char *what,
               const struct maqet_strings *phrases)
{
    _cleanup_free_ char *list = maqet_strings_join(phrases, ", ");

    maqet_text_appendf(words, "%s%s: %s", words->length > 0 ? "; and " : "", what, list);
}

static char *
missing_text(const struct choosing *choosing)
{
    struct maqet_text words = MAQET_TEXT_INIT;

    if (choosing->unable.count > 0)
        append_missing(&words,
                       choosing->unable.count > 1
                           ? "drives without support for snapshots"
                           : "a drive without support for snapshots",
                       &choosing->unable);
    if (choosing->outside.count > 0) {
        _cleanup_free_ char *what = maqet_format(
            "%s not in the set '%s'",
            choosing->outside.count > 1 ? "drives that are" : "a drive that is",
            choosing->request->name);
        append_missing(&words, what, &choosing->outside);
    }
    if (choosing->unguarded.count > 0)
        append_missing(&words,
                       "devices other than its drives that the guest can write to, and "
                       "that are not part of snapshots",
                       &choosing->unguarded);
    return maqet_text_take(&words);
}

static int
error_incomplete(const struct choosing *choosing, struct maqet_error **err)
{
    _cleanup_free_ char *words = missing_text(choosing);

    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED, "VM '%s' has %s; nothing was done",
                    choosing->session->machine->name, words);
    maqet_error_next_about(err,
                           choosing->missing.count > 1 ? MAQET_NEXT_EXCLUDE_THEM
                                                       : MAQET_NEXT_EXCLUDE_IT,
                           &choosing->missing);
    for (size_t i = 0; i < choosing->others.count; i++)
        if (choosing->others.items[i].kind == MAQET_WRITABLE_DISK &&
            maqet_strings_has(&choosing->missing, choosing->others.items[i].name)) {
            maqet_error_hint(err, "Make a disk a drive: move it from `arguments` to "
                                  "`storage`");
            break;
        }
    return -1;
}

/* ---- the choice ---- */

/* Whether any of the chosen drives has the snapshot; else it does not matter which other
 * drives are excluded. */
static int
check_exists(struct choosing *choosing, struct maqet_error **err)
{
    struct maqet_session *session = choosing->session;
    const char *name = choosing->request->name;

    if (maqet_members_read(session, &choosing->chosen, err) < 0)
        return -1;
    MAQET_FOR_EACH_MEMBER (member, session)
        if (maqet_member_find(session, member, name, NULL))
            return 0;
    return maqet_members_need(session, name, err);
}

static int
choose_all(struct choosing *choosing, struct maqet_error **err)
{
    struct maqet_session *session = choosing->session;

    if (maqet_others_find(session, &choosing->others, err) < 0 ||
        (choosing->purpose != MAQET_PURPOSE_CREATE && find_set(choosing, err) < 0) ||
        check_excluded(choosing, err) < 0)
        return -1;
    sort_all(choosing);
    if (choosing->purpose == MAQET_PURPOSE_LOAD && !choosing->is_set &&
        check_exists(choosing, err) < 0)
        return -1;
    /* A drive without the snapshot does not prevent deleting it. */
    if (choosing->purpose != MAQET_PURPOSE_DELETE && choosing->missing.count > 0)
        return error_incomplete(choosing, err);
    if (choosing->chosen.count == 0)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "VM '%s' has no drive with snapshots",
                               session->machine->name);
    return maqet_members_read(session, &choosing->chosen, err);
}

int
maqet_choice_make(struct maqet_session *session,
                  const struct maqet_snapshot_request *request,
                  enum maqet_purpose purpose, struct maqet_snapshot_left *left,
                  struct maqet_error **err)
{
    _cleanup_(maqet_snapshot_left_clear) struct maqet_snapshot_left unwanted = {0};
    _cleanup_(choosing_clear) struct choosing choosing = {
        .session = session,
        .request = request,
        .purpose = purpose,
        .left = left ? left : &unwanted,
    };

    if (check_way(session, request->way, err) < 0)
        return -1;
    if (!request->drive)
        return choose_all(&choosing, err);
    return maqet_members_choose(session, request->drive, err) < 0
               ? -1
               : maqet_members_refresh(session, err);
}
