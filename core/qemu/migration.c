/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration.h"

#include <poll.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"

/* ms for a question; for a moment between two looks at how far it is (events tell of what
 * happens); and for a migration that was told to end. */
static const int64_t ASK_TIMEOUT = 10000;
static const int64_t LOOK_INTERVAL = 200;
static const int64_t RETRY_INTERVAL = 5;
static const int RESUME_INTERVAL = 1;
static const int64_t CANCEL_TIMEOUT = 120000;

/* What precopy may leave for the moment in which the guest stands still, in ms; and the
 * bytes a second that it may write, which is no limit but that of the disk. */
enum { DOWNTIME_LIMIT = 20 };
static const int64_t BANDWIDTH = INT64_C(1) << 40;

#define FD_NAME "maqet-state"

const char *
maqet_migration_method_name(unsigned method)
{
    static const char *const names[] = {
        [MAQET_MIGRATION_AUTO] = "auto",
        [MAQET_MIGRATION_BACKGROUND] = "background",
        [MAQET_MIGRATION_PRECOPY] = "precopy",
        [MAQET_MIGRATION_STOP] = "stop",
    };

    return method < sizeof(names) / sizeof(*names) ? names[method] : NULL;
}

/* ---- words to QEMU ---- */

/* Runs a command whose answer says nothing. Takes the arguments. */
static int
tell(struct maqet_qmp *qmp, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, command, arguments, ASK_TIMEOUT, err);

    return answer ? 0 : -1;
}

static int
set_capability(struct maqet_qmp *qmp, const char *name, bool on, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object(), *list = json_object_new_array();
    json_object *capability = json_object_new_object();

    json_object_object_add(capability, "capability", json_object_new_string(name));
    json_object_object_add(capability, "state", json_object_new_boolean(on));
    json_object_array_add(list, capability);
    json_object_object_add(arguments, "capabilities", list);
    return tell(qmp, "migrate-set-capabilities", arguments, err);
}

static json_object *
query(struct maqet_qmp *qmp, struct maqet_error **err)
{
    return maqet_qmp_execute(qmp, "query-migrate", NULL, ASK_TIMEOUT, err);
}

/* The state of the migration, "active"; "none" before the first one. NULL on error; the
 * caller frees. */
static char *
migration_status(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = query(qmp, err);
    const char *status = maqet_json_text(info, "status");

    return info ? maqet_strdup(status ? status : "none") : NULL;
}

/* The state of the guest, "running". NULL on error; the caller frees. */
static char *
run_state(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "query-status", NULL, ASK_TIMEOUT, err);
    const char *status = maqet_json_text(answer, "status");

    return answer ? maqet_strdup(status ? status : "") : NULL;
}

char *
maqet_migration_blocked(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = query(qmp, err);
    _cleanup_text_ struct maqet_text words = MAQET_TEXT_INIT;
    json_object *reasons = NULL;

    json_object_object_get_ex(info, "blocked-reasons", &reasons);
    for (size_t i = 0; reasons && i < json_object_array_length(reasons); i++)
        maqet_text_appendf(&words, "%s%s", i > 0 ? "; " : "",
                           json_object_get_string(json_object_array_get_idx(reasons, i)));
    return words.length > 0 ? maqet_text_take(&words) : NULL;
}

/* ---- waiting ---- */

static uint64_t
bytes_of(json_object *ram, const char *key)
{
    int64_t value = maqet_json_int(ram, key);

    return value > 0 ? (uint64_t)value : 0;
}

/* Looks how far it is, and tells. */
static int
look(struct maqet_qmp *qmp, const struct maqet_migration_save *save, uint64_t *bytes,
     char **status, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = query(qmp, err);
    json_object *ram = NULL;

    if (!info)
        return -1;
    const char *words = maqet_json_text(info, "status");
    free(*status);
    *status = maqet_strdup(words ? words : "none");
    if (!json_object_object_get_ex(info, "ram", &ram))
        return 0;
    *bytes = bytes_of(ram, "transferred");
    if (save->progress)
        save->progress(save->data, bytes_of(ram, "total") - bytes_of(ram, "remaining"),
                       bytes_of(ram, "remaining"), *bytes);
    return 0;
}

static int
error_failed(struct maqet_qmp *qmp, const char *status, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = query(qmp, NULL);
    const char *words = maqet_json_text(info, "error-desc");

    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU could not save the guest's state: %s",
                           words ? words : status);
}

/*
 * Waits until the migration is in the wanted state, or has gone beyond it, or until the
 * deadline (0: none), when it returns 1. QEMU's events tell at once; a look now and then
 * is for the figures, and for events that were missed.
 */
static int
await(struct maqet_qmp *qmp, const struct maqet_migration_save *save, const char *wanted,
      int64_t deadline, uint64_t *bytes, struct maqet_error **err)
{
    _cleanup_free_ char *status = maqet_strdup("");

    for (;;) {
        _cleanup_error_ struct maqet_error *late = NULL;
        _cleanup_json_ json_object *event =
            maqet_qmp_event(qmp, "MIGRATION", LOOK_INTERVAL, &late);
        json_object *data = NULL;

        if (!event && late->code != MAQET_ERROR_TIMEOUT)
            return maqet_error_move(err, TAKE_PTR(late));
        json_object_object_get_ex(event, "data", &data);
        if (maqet_json_text(data, "status")) {
            free(status);
            status = maqet_strdup(maqet_json_text(data, "status"));
        } else if (look(qmp, save, bytes, &status, err) < 0) {
            return -1;
        }
        if (strcmp(status, wanted) == 0 || strcmp(status, "completed") == 0)
            return 0;
        if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
            return error_failed(qmp, status, err);
        if (deadline > 0 && maqet_now() >= deadline)
            return 1;
    }
}

/* ---- giving up ---- */

static bool
is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words;
}

/* Whether memory is being saved in the background. A QEMU that is told to give that up
 * may hang: a device that is about to write to the guest's memory waits until the page is
 * saved, and the thread that would save it waits for the device. */
static bool
is_in_background(struct maqet_qmp *qmp)
{
    _cleanup_json_ json_object *list =
        maqet_qmp_execute(qmp, "query-migrate-capabilities", NULL, ASK_TIMEOUT, NULL);

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

/* Asks for the next state of a migration that waits for that, in the state that is told;
 * in another one nothing happens. */
static int
go_on_from(struct maqet_qmp *qmp, const char *state, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "state", json_object_new_string(state));
    return tell(qmp, "migrate-continue", arguments, err);
}

/* Ends what is under way: in the background by waiting, since all that it writes is taken
 * from it quickly (core/snapshot/writer.h). */
static int
cancel(struct maqet_qmp *qmp, struct maqet_error **err)
{
    static const char *const under_way[] = {
        "setup", "active", "device", "pre-switchover", "wait-unplug", "cancelling", NULL};
    int64_t deadline = maqet_now() + CANCEL_TIMEOUT;
    bool told = is_in_background(qmp);

    for (;;) {
        _cleanup_free_ char *status = migration_status(qmp, err);

        if (!status)
            return -1;
        if (!is_one_of(status, under_way))
            return 0;
        if (!told && tell(qmp, "migrate_cancel", NULL, err) < 0)
            return -1;
        told = true;
        /* One that is told while QEMU's thread is about to wait before the switch-over
         * leaves that thread waiting (QEMU 7.2: migration_maybe_pause). */
        if (strcmp(status, "cancelling") == 0)
            go_on_from(qmp, status, NULL);
        if (maqet_now() >= deadline)
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                   "QEMU did not give up saving the guest's state");
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", LOOK_INTERVAL / 4, NULL));
    }
}

/* A guest whose state was just saved is on its way to a state of rest ("finish-migrate"),
 * from which alone it goes on. */
static int
resume(struct maqet_qmp *qmp, struct maqet_error **err)
{
    static const char *const still[] = {"paused", "postmigrate", "prelaunch", NULL};
    int64_t deadline = maqet_now() + ASK_TIMEOUT;

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_free_ char *state = run_state(qmp, err);
        bool moving = state && strcmp(state, "finish-migrate") == 0;

        if (!state)
            return -1;
        if (!moving && !is_one_of(state, still))
            return 0;
        if (!moving && tell(qmp, "cont", NULL, &reason) == 0)
            return 0;
        if (maqet_now() >= deadline || (reason && reason->code == MAQET_ERROR_STATE))
            return reason ? maqet_error_move(err, TAKE_PTR(reason))
                          : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                            "QEMU does not come to rest after saving the "
                                            "guest's state");
        /* Other events are for those who measure how long the guest stood still. */
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", RETRY_INTERVAL, NULL));
    }
}

/* A descriptor that QEMU was given and has not used keeps its other end waiting. */
static void
take_back_fd(struct maqet_qmp *qmp)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "fdname", json_object_new_string(FD_NAME));
    json_object_put(maqet_qmp_execute(qmp, "closefd", arguments, ASK_TIMEOUT, NULL));
}

int
maqet_migration_abandon(struct maqet_qmp *qmp, struct maqet_error **err)
{
    take_back_fd(qmp);
    if (cancel(qmp, err) < 0)
        return -1;
    /* The one that began it may not have lived to take them back. */
    set_capability(qmp, "background-snapshot", false, NULL);
    set_capability(qmp, "pause-before-switchover", false, NULL);
    return resume(qmp, err);
}

/* ---- the methods ---- */

static int
begin(struct maqet_qmp *qmp, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "uri", json_object_new_string("fd:" FD_NAME));
    return tell(qmp, "migrate", arguments, err);
}

/* Whether pages of memory are being saved, or none are left: by then the devices are
 * saved, and memory is protected. */
static int
is_saving_pages(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = query(qmp, err);
    const char *status = maqet_json_text(info, "status");
    json_object *ram = NULL;

    if (!info)
        return -1;
    json_object_object_get_ex(info, "ram", &ram);
    return (status &&
            (strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0)) ||
           maqet_json_int(ram, "normal") + maqet_json_int(ram, "duplicate") > 0;
}

/*
 * Lets the guest go on as soon as its devices are saved, and not earlier: its memory
 * would no longer be that of the drives' snapshots. QEMU before 8.2 does so by itself;
 * later ones leave a guest that was stopped before as it was.
 */
static int
let_go_on(struct maqet_qmp *qmp, struct maqet_error **err)
{
    for (;;) {
        _cleanup_free_ char *state = run_state(qmp, err);

        if (!state)
            return -1;
        if (strcmp(state, "running") == 0)
            return 0;
        int saving = is_saving_pages(qmp, err);
        if (saving != 0)
            return saving < 0 ? -1 : resume(qmp, err);
        poll(NULL, 0, RESUME_INTERVAL);
    }
}

static int
save_in_background(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                   struct maqet_migration_result *result, struct maqet_error **err)
{
    return tell(qmp, "stop", NULL, err) < 0 || save->still(save->data, err) < 0 ||
                   begin(qmp, err) < 0 || let_go_on(qmp, err) < 0 ||
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : 0;
}

static int
save_stopped(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
             struct maqet_migration_result *result, struct maqet_error **err)
{
    return tell(qmp, "stop", NULL, err) < 0 || save->still(save->data, err) < 0 ||
                   begin(qmp, err) < 0 ||
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : resume(qmp, err);
}

/* A guest that changes memory faster than it is written would be copied for ever: after
 * the limit it is stopped, and then little is left. */
static int
save_by_precopy(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                struct maqet_migration_result *result, struct maqet_error **err)
{
    if (begin(qmp, err) < 0)
        return -1;
    int late = await(qmp, save, "pre-switchover", maqet_now() + save->limit,
                     &result->bytes, err);
    if (late > 0) {
        result->method = MAQET_MIGRATION_STOP;
        free(result->reason);
        result->reason =
            maqet_format("the guest changes its memory faster than it can be "
                         "written, for %.0f s by now",
                         (double)save->limit / 1000);
        late = tell(qmp, "stop", NULL, err) < 0
                   ? -1
                   : await(qmp, save, "pre-switchover", 0, &result->bytes, err);
    }
    return late < 0 || save->still(save->data, err) < 0 ||
                   go_on_from(qmp, "pre-switchover", err) < 0 ||
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : resume(qmp, err);
}

/* ---- choosing ---- */

/* Sets the limits of precopy, or sets them back (NULL: nothing to set). Takes them. */
static json_object *
limits(int64_t downtime, int64_t bandwidth)
{
    json_object *parameters = json_object_new_object();

    json_object_object_add(parameters, "downtime-limit", json_object_new_int64(downtime));
    json_object_object_add(parameters, "max-bandwidth", json_object_new_int64(bandwidth));
    return parameters;
}

/* The capability that a method needs; NULL: none. */
static const char *
capability_of(enum maqet_migration_method method)
{
    if (method == MAQET_MIGRATION_BACKGROUND)
        return "background-snapshot";
    return method == MAQET_MIGRATION_PRECOPY ? "pause-before-switchover" : NULL;
}

/* The first method that QEMU takes, or the one that is wanted. */
static int
choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
       struct maqet_migration_result *result, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    result->method = wanted == MAQET_MIGRATION_AUTO ? MAQET_MIGRATION_BACKGROUND : wanted;
    if (!capability_of(result->method))
        return 0;
    if (set_capability(qmp, capability_of(result->method), true, &reason) == 0)
        return 0;
    if (wanted != MAQET_MIGRATION_AUTO || reason->code == MAQET_ERROR_STATE)
        return maqet_error_move(err, TAKE_PTR(reason));
    result->reason = maqet_strdup(reason->message);
    result->method = MAQET_MIGRATION_PRECOPY;
    return set_capability(qmp, capability_of(result->method), true, err);
}

static int
run(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
    struct maqet_migration_result *result, struct maqet_error **err)
{
    switch (result->method) {
    case MAQET_MIGRATION_BACKGROUND:
        return save_in_background(qmp, save, result, err);
    case MAQET_MIGRATION_PRECOPY:
        return save_by_precopy(qmp, save, result, err);
    default:
        return save_stopped(qmp, save, result, err);
    }
}

int
maqet_migration_save(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                     struct maqet_migration_result *result, struct maqet_error **err)
{
    _cleanup_json_ json_object *before =
        maqet_qmp_execute(qmp, "query-migrate-parameters", NULL, ASK_TIMEOUT, err);
    uint64_t bytes = 0;
    _cleanup_free_ char *status = NULL;

    *result = (struct maqet_migration_result){0};
    if (!before || set_capability(qmp, "events", true, err) < 0 ||
        choose(qmp, save->method, result, err) < 0)
        return -1;
    const char *capability = capability_of(result->method);
    int done =
        tell(qmp, "migrate-set-parameters", limits(DOWNTIME_LIMIT, BANDWIDTH), err);
    if (done == 0)
        done = maqet_qmp_give_fd(qmp, FD_NAME, save->fd, ASK_TIMEOUT, err);
    if (save->given)
        save->given(save->data);
    if (done == 0)
        done = run(qmp, save, result, err);
    /* What it failed with counts, and not what comes of that. */
    if (done < 0)
        maqet_migration_abandon(qmp, NULL);
    else if (look(qmp, save, &bytes, &status, NULL) == 0)
        result->bytes = bytes;
    tell(qmp, "migrate-set-parameters",
         limits(maqet_json_int(before, "downtime-limit"),
                maqet_json_int(before, "max-bandwidth")),
         NULL);
    if (capability)
        set_capability(qmp, capability, false, NULL);
    return done;
}

/* ---- loading ---- */

static int
await_load(struct maqet_qmp *qmp, struct maqet_error **err)
{
    for (;;) {
        _cleanup_free_ char *state = run_state(qmp, err);

        if (!state)
            return -1;
        if (strcmp(state, "inmigrate") != 0)
            return resume(qmp, err);
        json_object_put(maqet_qmp_event(qmp, "MIGRATION", LOOK_INTERVAL / 10, NULL));
    }
}

int
maqet_migration_load(struct maqet_qmp *qmp, int fd, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "uri", json_object_new_string("fd:" FD_NAME));
    if (set_capability(qmp, "events", true, err) < 0 ||
        maqet_qmp_give_fd(qmp, FD_NAME, fd, ASK_TIMEOUT, err) < 0) {
        json_object_put(arguments);
        return -1;
    }
    return tell(qmp, "migrate-incoming", arguments, err) < 0 ? -1 : await_load(qmp, err);
}
