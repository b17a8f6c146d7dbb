/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"

static const int64_t ASK_TIMEOUT = MAQET_QMP_ANSWER_TIMEOUT;

/* ms between two queries; and until a cancelled migration must have ended. */
static const int64_t CANCEL_INTERVAL = 100;
static const int64_t LOAD_INTERVAL = 20;
static const int64_t RESUME_INTERVAL = 1;
static const int64_t PAGES_INTERVAL = 1;
static const int64_t CANCEL_TIMEOUT = 120000;

/* QEMU's name for the descriptor of a pipe, and its number for that of a file, which nobody
 * else is likely to use. */
#define FD_NAME "maqet-state"
enum { FD_SET = 28017 };

/* ---- commands ---- */

json_object *
maqet_migration_ask(struct maqet_qmp *qmp, const char *command, struct maqet_error **err)
{
    return maqet_qmp_execute(qmp, command, NULL, ASK_TIMEOUT, err);
}

int
maqet_migration_tell(struct maqet_qmp *qmp, const char *command, json_object *arguments,
                     struct maqet_error **err)
{
    return maqet_qmp_tell(qmp, command, arguments, -1, ASK_TIMEOUT, err);
}

int
maqet_migration_set_capability(struct maqet_qmp *qmp, const char *name, bool on,
                               struct maqet_error **err)
{
    json_object *list = json_object_new_array();

    json_object_array_add(list,
                          maqet_json_object("capability", json_object_new_string(name),
                                            "state", json_object_new_boolean(on), NULL));
    return maqet_migration_tell(qmp, "migrate-set-capabilities",
                                maqet_json_object("capabilities", list, NULL), err);
}

static json_object *
pipe_arguments(void)
{
    return maqet_json_object("fdname", json_object_new_string(FD_NAME), NULL);
}

static json_object *
file_arguments(void)
{
    return maqet_json_object("fdset-id", json_object_new_int(FD_SET), NULL);
}

int
maqet_migration_give(struct maqet_qmp *qmp, int fd, bool mapped, struct maqet_error **err)
{
    if (!mapped)
        return maqet_qmp_tell(qmp, "getfd", pipe_arguments(), fd, ASK_TIMEOUT, err);
    return maqet_migration_set_capability(qmp, "mapped-ram", true, err) < 0
               ? -1
               : maqet_qmp_tell(qmp, "add-fd", file_arguments(), fd, ASK_TIMEOUT, err);
}

void
maqet_migration_take_back(struct maqet_qmp *qmp)
{
    maqet_migration_tell(qmp, "closefd", pipe_arguments(), NULL);
    maqet_migration_tell(qmp, "remove-fd", file_arguments(), NULL);
    maqet_migration_set_capability(qmp, "mapped-ram", false, NULL);
}

int
maqet_migration_begin(struct maqet_qmp *qmp, const char *command, bool mapped,
                      struct maqet_error **err)
{
    _cleanup_free_ char *uri = mapped ? maqet_format("file:/dev/fdset/%d", FD_SET)
                                      : maqet_format("fd:%s", FD_NAME);

    return maqet_migration_tell(
        qmp, command, maqet_json_object("uri", json_object_new_string(uri), NULL), err);
}

char *
maqet_migration_status(struct maqet_qmp *qmp, const char *query, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer = maqet_migration_ask(qmp, query, err);
    const char *status = maqet_json_text(answer, "status");

    return answer ? maqet_strdup(status ? status : "none") : NULL;
}

int
maqet_migration_continue(struct maqet_qmp *qmp, const char *state,
                         struct maqet_error **err)
{
    return maqet_migration_tell(
        qmp, "migrate-continue",
        maqet_json_object("state", json_object_new_string(state), NULL), err);
}

char *
maqet_migration_blocked(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
    _cleanup_strings_ struct maqet_strings reasons = MAQET_STRINGS_INIT;

    maqet_json_texts(json_object_object_get(info, "blocked-reasons"), &reasons);
    return reasons.count > 0 ? maqet_strings_join(&reasons, "; ") : NULL;
}

/* ---- resuming the guest ---- */

static bool
is_under_way(const char *status)
{
    static const char *const under_way[] = {
        "setup", "active", "device", "pre-switchover", "wait-unplug", "cancelling", NULL};

    return maqet_text_is_one_of(status, under_way);
}

/* States of a guest that "cont" resumes. */
static const char *const paused[] = {"paused", "postmigrate", "prelaunch", NULL};

int
maqet_migration_paused(struct maqet_qmp *qmp, bool *is_paused, struct maqet_error **err)
{
    _cleanup_free_ char *state = maqet_migration_status(qmp, "query-status", err);

    *is_paused = state && maqet_text_is_one_of(state, paused);
    return state ? 0 : -1;
}

int
maqet_migration_begin_resume(struct maqet_qmp *qmp, struct maqet_error **err)
{
    return maqet_qmp_begin(qmp, "cont", ASK_TIMEOUT, err);
}

int
maqet_migration_end_resume(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_qmp_end(qmp, "cont", ASK_TIMEOUT, &reason) == 0)
        return 0;
    /* Its answer may be that it is too early. */
    return reason->code == MAQET_ERROR_STATE || reason->code == MAQET_ERROR_TIMEOUT ||
                   reason->signal
               ? maqet_error_move(err, TAKE_PTR(reason))
               : maqet_migration_resume(qmp, err);
}

/* After saving, QEMU must first leave the state "finish-migrate". */
int
maqet_migration_resume(struct maqet_qmp *qmp, struct maqet_error **err)
{
    int64_t deadline = maqet_now() + ASK_TIMEOUT;

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_free_ char *state = maqet_migration_status(qmp, "query-status", err);
        bool moving = state && strcmp(state, "finish-migrate") == 0;

        if (!state)
            return -1;
        if (!moving && !maqet_text_is_one_of(state, paused))
            return 0;
        if (!moving && maqet_migration_tell(qmp, "cont", NULL, &reason) == 0)
            return 0;
        if (maqet_now() >= deadline || (reason && reason->code == MAQET_ERROR_STATE))
            return reason ? maqet_error_move(err, TAKE_PTR(reason))
                          : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                            "QEMU does not pause after saving the "
                                            "guest's state");
        /* STOP and RESUME stay for the caller, who measures the pause. */
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", RESUME_INTERVAL, NULL));
    }
}

/* Whether QEMU saves pages, or has saved them all. Then the devices are saved, and memory
 * is protected. */
static int
is_saving_pages(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
    const char *status = maqet_json_text(info, "status");
    json_object *ram = json_object_object_get(info, "ram");

    if (!info)
        return -1;
    return !status || !is_under_way(status) ||
           maqet_json_int(ram, "normal") + maqet_json_int(ram, "duplicate") > 0;
}

/* If it were resumed earlier, its memory would differ from the drives' snapshots. QEMU
 * before 8.2 resumes it itself; later versions do not if it was paused before. */
int
maqet_migration_resume_early(struct maqet_qmp *qmp, struct maqet_error **err)
{
    for (;;) {
        _cleanup_free_ char *state = maqet_migration_status(qmp, "query-status", err);

        if (!state)
            return -1;
        if (strcmp(state, "running") == 0)
            return 0;
        int saving = is_saving_pages(qmp, err);
        if (saving != 0)
            return saving < 0 ? -1 : maqet_migration_resume(qmp, err);
        maqet_sleep(PAGES_INTERVAL);
    }
}

/* ---- abandoning ---- */

/* Whether memory is saved in the background. A QEMU that is told to cancel that may hang: a
 * device that is about to write to the guest's memory waits until the page is saved, and
 * the thread that would save it waits for the device. */
static bool
is_in_background(struct maqet_qmp *qmp)
{
    _cleanup_json_ json_object *list =
        maqet_migration_ask(qmp, "query-migrate-capabilities", NULL);

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *row = json_object_array_get_idx(list, i), *state = NULL;
        const char *name = maqet_json_text(row, "capability");

        if (name && strcmp(name, "background-snapshot") == 0 &&
            json_object_object_get_ex(row, "state", &state))
            return json_object_get_boolean(state);
    }
    return false;
}

/* Tells QEMU to end the migration. In the background, it is not cancelled: the guest is
 * resumed, and the rest is soon saved, because all that QEMU writes is read at once
 * (core/qemu/migration_writer.h). */
static int
tell_to_end(struct maqet_qmp *qmp, bool in_background, const char *status,
            struct maqet_error **err)
{
    if (in_background)
        return maqet_migration_resume_early(qmp, err);
    if (strcmp(status, "cancelling") != 0)
        return maqet_migration_tell(qmp, "migrate_cancel", NULL, err);
    /* If it was told while QEMU's thread was about to wait before the switch-over, that
     * thread still waits (QEMU 7.2: migration_maybe_pause). */
    maqet_migration_continue(qmp, status, NULL);
    return 0;
}

static int
cancel(struct maqet_qmp *qmp, struct maqet_error **err)
{
    int64_t deadline = maqet_now() + CANCEL_TIMEOUT;
    bool in_background = is_in_background(qmp);

    for (;;) {
        _cleanup_free_ char *status = maqet_migration_status(qmp, "query-migrate", err);

        if (!status)
            return -1;
        if (!is_under_way(status))
            return 0;
        if (tell_to_end(qmp, in_background, status, err) < 0)
            return -1;
        if (maqet_now() >= deadline)
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                   "QEMU did not cancel saving the guest's state");
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", CANCEL_INTERVAL, NULL));
    }
}

int
maqet_migration_abandon(struct maqet_qmp *qmp, struct maqet_error **err)
{
    maqet_migration_take_back(qmp);
    if (cancel(qmp, err) < 0)
        return -1;
    /* The process that set them may have been killed. QEMU keeps mapped-ram until the end. */
    maqet_migration_set_capability(qmp, "mapped-ram", false, NULL);
    maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE, false, NULL);
    maqet_migration_set_capability(qmp, "background-snapshot", false, NULL);
    maqet_migration_set_capability(qmp, "pause-before-switchover", false, NULL);
    return maqet_migration_resume(qmp, err);
}

/* ---- loading ---- */

/* QEMU may not answer while it reads, however long that takes: only its end is an error. */
static int
await_load(struct maqet_qmp *qmp, struct maqet_error **err)
{
    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_free_ char *state = maqet_migration_status(qmp, "query-status", &reason);

        if (!state && reason->code != MAQET_ERROR_TIMEOUT)
            return maqet_error_move(err, TAKE_PTR(reason));
        if (state && strcmp(state, "inmigrate") != 0) {
            /* What was set for loading is not in the way of the next save. */
            maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE, false, NULL);
            return 0;
        }
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", LOAD_INTERVAL, NULL));
    }
}

int
maqet_migration_load(struct maqet_qmp *qmp, int fd, bool mapped, bool splittable,
                     struct maqet_error **err)
{
    if (maqet_migration_set_capability(qmp, "events", true, err) < 0 ||
        (splittable && maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE,
                                                      true, err) < 0) ||
        maqet_migration_give(qmp, fd, mapped, err) < 0 ||
        maqet_migration_begin(qmp, "migrate-incoming", mapped, err) < 0 ||
        await_load(qmp, err) < 0)
        return -1;
    if (mapped)
        maqet_migration_take_back(qmp);
    return 0;
}

int
maqet_migration_finish_load(struct maqet_qmp *qmp, bool *loads, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
    _cleanup_free_ char *state =
        info ? maqet_migration_status(qmp, "query-status", err) : NULL;

    if (!state)
        return -1;
    /* Until it is told to load, it reports no migration. */
    *loads = strcmp(state, "inmigrate") != 0 || maqet_json_text(info, "status");
    return *loads && (await_load(qmp, err) < 0 || maqet_migration_resume(qmp, err) < 0)
               ? -1
               : 0;
}
