/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_save.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/qemu/migration.h"
#include "core/qemu/migration_limits.h"

/* ms between two checks whether QEMU is prepared, how many of them in a row must succeed,
 * and ms after which preparation is not waited for: then the pause is a little longer. */
static const int64_t PREPARE_INTERVAL = 1;
static const int PREPARE_CHECKS = 3;
static const int64_t PREPARE_TIMEOUT = 60000;

/* ms that a precopy that may be given up has after its first pass, if that took less. */
static const int64_t LEAST_PASSES = 1000;

/* ms per GB for which a guest is paused at least while QEMU prepares its memory for the
 * background (maqet_migration_prepares_running()), and how many times as long as QEMU expects the
 * rest of precopy may take where the guest changes much. Measured: docs/performance.md. */
static const double PREPARED_PAUSED = 45, EXCEEDED = 3;

/* The first QEMU that has the capability "mapped-ram". */
enum { MAPPED_RAM_SINCE = 90000 };

/* ---- waiting ---- */

static uint64_t
bytes_of(json_object *ram, const char *key)
{
    int64_t value = maqet_json_int(ram, key);

    return value > 0 ? (uint64_t)value : 0;
}

struct progress {
    int64_t passes;   /* how often QEMU has looked for pages to write */
    int64_t downtime; /* ms that it expects for the rest; 0: not known */
    uint64_t total;   /* bytes of memory */
    uint64_t left;    /* bytes of it that are to be written */
};

/* Reports the progress, and stores it (NULL: does not). Returns the state of the migration,
 * which the caller frees; NULL on error. */
static char *
query_progress(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
               struct progress *progress, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
    const char *status = maqet_json_text(info, "status");
    json_object *ram = json_object_object_get(info, "ram");

    if (!info)
        return NULL;
    if (save->progress && ram)
        save->progress(save->data, bytes_of(ram, "total") - bytes_of(ram, "remaining"),
                       bytes_of(ram, "remaining"), bytes_of(ram, "transferred"));
    if (progress)
        *progress = (struct progress){
            .passes = maqet_json_int(ram, "dirty-sync-count"),
            /* Until there is a rate, this is only the limit that was set. */
            .downtime = maqet_json_int(ram, "dirty-pages-rate") > 0
                            ? maqet_json_int(info, "expected-downtime")
                            : 0,
            .total = bytes_of(ram, "total"),
            .left = bytes_of(ram, "remaining"),
        };
    return maqet_strdup(status ? status : "none");
}

static int
error_failed(struct maqet_qmp *qmp, const char *status, struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", NULL);
    const char *words = maqet_json_text(info, "error-desc");

    if (!words)
        words = status;
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU could not save the guest's state: %.*s",
                           maqet_text_fitting(words), words);
}

/* Waits for QEMU's next event of the migration, for @timeout ms. *status gets its state,
 * which the caller frees; NULL: there was none. */
static int
next_status(struct maqet_qmp *qmp, int64_t timeout, char **status,
            struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *late = NULL;
    _cleanup_json_ json_object *event = maqet_qmp_event(qmp, "MIGRATION", timeout, &late);
    json_object *data = json_object_object_get(event, "data");

    *status = maqet_strdup(maqet_json_text(data, "status"));
    return event || late->code == MAQET_ERROR_TIMEOUT
               ? 0
               : maqet_error_move(err, TAKE_PTR(late));
}

/* How long precopy may take. One that may be given up makes its first pass in any case:
 * what would follow it writes as much. Then it may take as long again, up to the limit. */
struct bound {
    int64_t begun;
    int64_t limit;
    int64_t deadline; /* 0: not yet known, or none */
    struct progress progress;
    struct maqet_migration_hold hold;
};

static struct bound
bound_from_now(int64_t limit, bool may_give_up)
{
    int64_t now = maqet_now();

    return (struct bound){
        .begun = now, .limit = limit, .deadline = may_give_up ? 0 : now + limit};
}

static void
tighten(struct bound *bound)
{
    int64_t now = maqet_now(), first = now - bound->begun;

    if (bound->deadline > 0 || bound->progress.passes < 2)
        return;
    int64_t more = first > LEAST_PASSES ? first : LEAST_PASSES;
    bound->deadline = now + (more < bound->limit ? more : bound->limit);
}

/* While the guest runs; what was held is not counted. */
static int
approach(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
         struct bound *bound, struct maqet_error **err)
{
    const struct progress *progress = &bound->progress;
    bool holds = bound->hold.state == MAQET_HOLD_NOW;

    bound->hold.first_pass = progress->passes == 1;
    bound->hold.later_pass = progress->passes > 1;
    bound->hold.total = progress->total;
    bound->hold.left = progress->left;
    if (maqet_migration_approach(qmp, save, &bound->hold, err) < 0)
        return -1;
    if (!holds || bound->hold.state == MAQET_HOLD_NOW)
        return 0;
    int64_t held = maqet_now() - bound->hold.since;
    bound->begun += held;
    if (bound->deadline > 0)
        bound->deadline += held;
    return 0;
}

/* Waits until the migration has reached the wanted state, or a later one. 1: it has taken
 * too long (@bound NULL: never; otherwise the guest still runs). Queries are for the
 * progress, and for events that were missed. */
static int
await(struct maqet_qmp *qmp, const struct maqet_migration_save *save, const char *wanted,
      struct bound *bound, struct maqet_error **err)
{
    for (;;) {
        _cleanup_free_ char *status = NULL;

        if (next_status(qmp, maqet_migration_interval(bound ? &bound->hold : NULL),
                        &status, err) < 0)
            return -1;
        if (!status)
            status = query_progress(qmp, save, bound ? &bound->progress : NULL, err);
        if (!status)
            return -1;
        if (strcmp(status, wanted) == 0 || strcmp(status, "completed") == 0)
            return 0;
        if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
            return error_failed(qmp, status, err);
        if (!bound)
            continue;
        if (approach(qmp, save, bound, err) < 0)
            return -1;
        tighten(bound);
        if (bound->hold.state != MAQET_HOLD_NOW && bound->deadline > 0 &&
            maqet_now() >= bound->deadline)
            return 1;
    }
}

/* ---- the methods ---- */

/*
 * Waits until QEMU has prepared memory for being protected: it reads a byte of every page,
 * while the guest runs. Then it begins to write to a pipe that accepts nothing, so the
 * thread that does all this sleeps.
 */
static int
await_preparation(struct maqet_qmp *qmp, int pid, const struct maqet_strings *before,
                  struct maqet_error **err)
{
    int64_t deadline = maqet_now() + PREPARE_TIMEOUT;

    for (int asleep = 0; asleep < PREPARE_CHECKS && maqet_now() < deadline;) {
        _cleanup_free_ char *status = NULL;

        if (next_status(qmp, PREPARE_INTERVAL, &status, err) < 0)
            return -1;
        if (status && strcmp(status, "setup") != 0)
            return 0; /* check_preparation() decides what that means */
        asleep = maqet_threads_others_sleep(pid, before) ? asleep + 1 : 0;
    }
    return 0;
}

/* Whether QEMU waits for the pipe, now that the guest is paused: only then do devices and
 * memory get saved in the same state. */
static int
check_preparation(struct maqet_qmp *qmp, struct maqet_error **err)
{
    _cleanup_free_ char *status = maqet_migration_status(qmp, "query-migrate", err);

    if (!status)
        return -1;
    if (strcmp(status, "setup") == 0)
        return 0;
    if (strcmp(status, "failed") == 0)
        return error_failed(qmp, status, err);
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU did not wait for the guest to pause (%s)", status);
}

/* Begins to save, and pauses the guest as late as possible. */
static int
begin_prepared(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
               struct maqet_migration_result *result, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings threads = MAQET_STRINGS_INIT;

    maqet_threads_list(save->pid, &threads);
    if (maqet_migration_begin(qmp, "migrate", result->mapped, err) < 0 ||
        await_preparation(qmp, save->pid, &threads, err) < 0)
        return -1;
    save->soon(save->data);
    if (maqet_migration_tell(qmp, "stop", NULL, err) < 0 ||
        check_preparation(qmp, err) < 0 || save->still(save->data, err) < 0)
        return -1;
    save->take(save->data);
    return 0;
}

/* Pauses the guest, and begins to save. */
static int
begin_stopped(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
              struct maqet_migration_result *result, struct maqet_error **err)
{
    save->soon(save->data);
    save->take(save->data);
    return maqet_migration_tell(qmp, "stop", NULL, err) < 0 ||
                   save->still(save->data, err) < 0
               ? -1
               : maqet_migration_begin(qmp, "migrate", result->mapped, err);
}

static int
save_in_background(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                   struct maqet_migration_result *result, struct maqet_error **err)
{
    bool waits = maqet_migration_prepares_running(qmp->version);

    return (waits ? begin_prepared : begin_stopped)(qmp, save, result, err) < 0 ||
                   maqet_migration_resume_early(qmp, err) < 0 ||
                   await(qmp, save, "completed", NULL, err) < 0
               ? -1
               : 0;
}

static int
save_stopped(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
             struct maqet_migration_result *result, struct maqet_error **err)
{
    return begin_stopped(qmp, save, result, err) < 0 ||
                   await(qmp, save, "completed", NULL, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* Whether the background pauses the guest for longer than the rest takes. */
static bool
is_rest_short(const struct progress *progress)
{
    double background = (double)progress->total / (1 << 30) * PREPARED_PAUSED;

    return progress->downtime > 0 && (double)progress->downtime * EXCEEDED <= background;
}

/* A guest that changes memory faster than it is written would never be done. Either precopy
 * is given up for the background (1); or the guest is paused, and little is left. */
static int
cut_short(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
          const struct bound *bound, struct maqet_migration_result *result,
          struct maqet_error **err)
{
    free(result->reason);
    result->reason = maqet_format("for %.0f s, the guest has been changing its memory "
                                  "faster than it can be written",
                                  (double)(maqet_now() - bound->begun) / 1000);
    if (result->background && !is_rest_short(&bound->progress))
        return 1;
    result->method = MAQET_MIGRATION_STOP;
    /* It may be slow now. */
    return maqet_migration_set_limits(qmp, err) < 0 ||
                   maqet_migration_tell(qmp, "stop", NULL, err) < 0
               ? -1
               : await(qmp, save, "pre-switchover", NULL, err);
}

static int
save_by_precopy(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                struct maqet_migration_result *result, struct maqet_error **err)
{
    save->soon(save->data);
    save->take(save->data);
    if (maqet_migration_begin(qmp, "migrate", result->mapped, err) < 0)
        return -1;
    struct bound bound = bound_from_now(save->limit, result->background);
    int late = await(qmp, save, "pre-switchover", &bound, err);
    if (late > 0)
        late = cut_short(qmp, save, &bound, result, err);
    if (late != 0)
        return late;
    return save->still(save->data, err) < 0 ||
                   maqet_migration_continue(qmp, "pre-switchover", err) < 0 ||
                   await(qmp, save, "completed", NULL, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* ---- saving ---- */

static int (*const methods[])(struct maqet_qmp *qmp,
                              const struct maqet_migration_save *save,
                              struct maqet_migration_result *result,
                              struct maqet_error **err) = {
    [MAQET_MIGRATION_BACKGROUND] = save_in_background,
    [MAQET_MIGRATION_PRECOPY] = save_by_precopy,
    [MAQET_MIGRATION_STOP] = save_stopped,
};

/* Passes QEMU the file itself if it can write each page at a fixed offset: then a guest that
 * changes much does not make it larger. Not in the background, where QEMU's writes must not
 * fail (core/qemu/migration_writer.h). */
static int
give(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
     struct maqet_migration_result *result, struct maqet_error **err)
{
    result->mapped = result->method != MAQET_MIGRATION_BACKGROUND && save->file >= 0 &&
                     qmp->version >= MAPPED_RAM_SINCE;
    int done = maqet_migration_give(qmp, result->mapped ? save->file : save->fd,
                                    result->mapped, err);
    save->given(save->data);
    return done;
}

static int
choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
       struct maqet_migration_result *result, struct maqet_error **err)
{
    struct maqet_migration_choice choice;
    int done = maqet_migration_choose(qmp, wanted, &choice, err);

    *result = (struct maqet_migration_result){.method = choice.method,
                                              .reason = choice.reason,
                                              .background = choice.background};
    return done;
}

/* Those of an attempt before, such as that it was cancelled, would be taken for this one's. */
static void
forget_events(struct maqet_qmp *qmp)
{
    json_object *event;

    while ((event = maqet_qmp_event(qmp, "MIGRATION", 0, NULL)))
        json_object_put(event);
}

int
maqet_migration_save(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                     struct maqet_migration_result *result, struct maqet_error **err)
{
    _cleanup_json_ json_object *before =
        maqet_migration_ask(qmp, "query-migrate-parameters", err);

    *result = (struct maqet_migration_result){0};
    if (!before || maqet_migration_set_capability(qmp, "events", true, err) < 0 ||
        maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE, save->splittable,
                                       err) < 0 ||
        choose(qmp, save->method, result, err) < 0)
        return -1;
    enum maqet_migration_method method = result->method;
    const char *capability = maqet_migration_method_capability(method);
    int done = maqet_migration_set_limits(qmp, err);
    forget_events(qmp);
    if (done == 0)
        done = give(qmp, save, result, err);
    if (done == 0)
        done = methods[method](qmp, save, result, err);
    /* If QEMU does not answer, the guard takes over: here, each command would wait again. */
    if (done < 0 && err && *err && (*err)->silent) {
        save->discard(save->data);
        result->stuck = true;
        return -1;
    }
    if (done != 0) {
        save->discard(save->data);
        result->stuck = maqet_migration_abandon(qmp, done > 0 ? err : NULL) < 0;
    } else {
        free(query_progress(qmp, save, NULL, NULL));
    }
    maqet_migration_restore_limits(qmp, before);
    if (result->mapped)
        maqet_migration_take_back(qmp);
    if (capability)
        maqet_migration_set_capability(qmp, capability, false, NULL);
    maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE, false, NULL);
    return result->stuck ? -1 : done;
}
