/* SPDX-License-Identifier: MIT */
/*
 * Precopy depends on QEMU noticing every page that the guest writes to while it is
 * copied. An emulated guest (TCG) writes through a cache of translated addresses (the
 * TLB), whose entries say whether a write must still be noticed. Before 9.0, QEMU forgot
 * to reset them after it had read and cleared its record of the pages written to
 * (cpu_physical_memory_sync_dirty_bitmap; fixed by QEMU's commit 03bfc2188f0, "physmem:
 * Fix migration dirty bitmap coherency with TCG memory access"), so later writes were
 * lost: with 7.2, no guest that rewrites its memory survives that. The author of the fix
 * had seen further races of this kind. 10.0 is the first version that was found to be
 * safe, with guests that verify their memory.
 */
#include "core/qemu/migration_save.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/qemu/migration.h"

/* The first QEMU with which precopy of an emulated guest is known to be safe. */
enum { TCG_PRECOPY_SINCE = 100000 };

/* ms between two queries of the progress; changes of the state arrive as events. */
static const int64_t QUERY_INTERVAL = 200;

/* ms between two checks whether QEMU is prepared, how many of them in a row must succeed,
 * and ms after which preparation is not waited for: then the pause is a little longer. */
static const int64_t PREPARE_INTERVAL = 1;
static const int PREPARE_CHECKS = 3;
static const int64_t PREPARE_TIMEOUT = 60000;

/* The pause that precopy may cause, in ms, and the bytes per second that it may write:
 * only the disk limits them. */
enum { DOWNTIME_LIMIT = 20 };
static const int64_t BANDWIDTH = INT64_C(1) << 40;

/* The first QEMU that has the capability "mapped-ram". */
enum { MAPPED_RAM_SINCE = 90000 };

/* The first QEMU that holds its big lock when it begins to write a state: if it waited for
 * the pipe there, its monitor would hang. */
enum { SETUP_LOCKED_SINCE = 80200 };

/* ---- precopy ---- */

bool
maqet_migration_precopy_sound(int version, bool emulated)
{
    return !emulated || version >= TCG_PRECOPY_SINCE;
}

int
maqet_migration_check_method(struct maqet_qmp *qmp, enum maqet_migration_method method,
                             struct maqet_error **err)
{
    int version = qmp->version;

    if (method != MAQET_MIGRATION_PRECOPY)
        return 0;
    /* Not by the configuration, since QEMU may have chosen. */
    _cleanup_json_ json_object *kvm = maqet_migration_ask(qmp, "query-kvm", err);
    if (!kvm)
        return -1;
    bool emulated = !json_object_get_boolean(json_object_object_get(kvm, "enabled"));
    if (maqet_migration_precopy_sound(version, emulated))
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "QEMU %d.%d.%d misses writes of an emulated guest (TCG) to its "
                    "memory while precopy copies it; precopy is safe with KVM, and "
                    "with QEMU %d.%d and later",
                    version / 10000, version / 100 % 100, version % 100,
                    TCG_PRECOPY_SINCE / 10000, TCG_PRECOPY_SINCE / 100 % 100);
    maqet_error_hint(err, "Use another method: background or stop");
    return -1;
}

/* ---- waiting ---- */

static uint64_t
bytes_of(json_object *ram, const char *key)
{
    int64_t value = maqet_json_int(ram, key);

    return value > 0 ? (uint64_t)value : 0;
}

/* Reports the progress. Returns the state of the migration, which the caller frees; NULL on
 * error. */
static char *
query_progress(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
               struct maqet_error **err)
{
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
    const char *status = maqet_json_text(info, "status");
    json_object *ram = json_object_object_get(info, "ram");

    if (!info)
        return NULL;
    if (save->progress && ram)
        save->progress(save->data, bytes_of(ram, "total") - bytes_of(ram, "remaining"),
                       bytes_of(ram, "remaining"), bytes_of(ram, "transferred"));
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

/* Waits until the migration has reached the wanted state, or a later one. 1: the deadline
 * (0: none) has passed. Queries are for the progress, and for events that were missed. */
static int
await(struct maqet_qmp *qmp, const struct maqet_migration_save *save, const char *wanted,
      int64_t deadline, struct maqet_error **err)
{
    for (;;) {
        _cleanup_free_ char *status = NULL;

        if (next_status(qmp, QUERY_INTERVAL, &status, err) < 0)
            return -1;
        if (!status)
            status = query_progress(qmp, save, err);
        if (!status)
            return -1;
        if (strcmp(status, wanted) == 0 || strcmp(status, "completed") == 0)
            return 0;
        if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
            return error_failed(qmp, status, err);
        if (deadline > 0 && maqet_now() >= deadline)
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
    bool waits = qmp->version < SETUP_LOCKED_SINCE;

    return (waits ? begin_prepared : begin_stopped)(qmp, save, result, err) < 0 ||
                   maqet_migration_resume_early(qmp, err) < 0 ||
                   await(qmp, save, "completed", 0, err) < 0
               ? -1
               : 0;
}

static int
save_stopped(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
             struct maqet_migration_result *result, struct maqet_error **err)
{
    return begin_stopped(qmp, save, result, err) < 0 ||
                   await(qmp, save, "completed", 0, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* A guest that changes memory faster than it is written would never be done: after the
 * limit it is paused, and little is left. */
static int
save_by_precopy(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                struct maqet_migration_result *result, struct maqet_error **err)
{
    save->soon(save->data);
    save->take(save->data);
    if (maqet_migration_begin(qmp, "migrate", result->mapped, err) < 0)
        return -1;
    int late = await(qmp, save, "pre-switchover", maqet_now() + save->limit, err);
    if (late > 0) {
        result->method = MAQET_MIGRATION_STOP;
        free(result->reason);
        result->reason =
            maqet_format("for %.0f s, the guest has been changing its memory faster "
                         "than it can be written",
                         (double)save->limit / 1000);
        late = maqet_migration_tell(qmp, "stop", NULL, err) < 0
                   ? -1
                   : await(qmp, save, "pre-switchover", 0, err);
    }
    return late < 0 || save->still(save->data, err) < 0 ||
                   maqet_migration_continue(qmp, "pre-switchover", err) < 0 ||
                   await(qmp, save, "completed", 0, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* ---- choosing one ---- */

static const struct method {
    const char *name;
    const char *capability; /* that QEMU needs for it; NULL: none */
    int (*save)(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                struct maqet_migration_result *result, struct maqet_error **err);
} methods[] = {
    [MAQET_MIGRATION_AUTO] = {.name = "auto"},
    [MAQET_MIGRATION_BACKGROUND] = {"background", "background-snapshot",
                                    save_in_background},
    [MAQET_MIGRATION_PRECOPY] = {"precopy", "pause-before-switchover", save_by_precopy},
    [MAQET_MIGRATION_STOP] = {"stop", NULL, save_stopped},
};

enum { METHODS = sizeof(methods) / sizeof(*methods) };

const char *
maqet_migration_method_name(unsigned method)
{
    return method < METHODS ? methods[method].name : NULL;
}

/* Prepares QEMU for a method. */
static int
prepare(struct maqet_qmp *qmp, enum maqet_migration_method method,
        struct maqet_migration_result *result, struct maqet_error **err)
{
    const char *capability = methods[method].capability;

    if (maqet_migration_check_method(qmp, method, err) < 0 ||
        (capability && maqet_migration_set_capability(qmp, capability, true, err) < 0))
        return -1;
    result->method = method;
    return 0;
}

/* Prepares QEMU for the wanted method, or for the first one that works, and records why
 * those before it do not. */
static int
choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
       struct maqet_migration_result *result, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings reasons = MAQET_STRINGS_INIT;

    if (wanted != MAQET_MIGRATION_AUTO)
        return prepare(qmp, wanted, result, err);
    for (unsigned method = MAQET_MIGRATION_AUTO + 1; method < METHODS; method++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (prepare(qmp, method, result, &reason) == 0) {
            if (reasons.count > 0)
                result->reason = maqet_strings_join(&reasons, "; ");
            return 0;
        }
        /* QEMU has ended, or does not answer; or the user has given up. */
        if (reason->code == MAQET_ERROR_STATE || reason->code == MAQET_ERROR_TIMEOUT ||
            reason->signal)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_strings_add(&reasons, reason->message);
    }
    _cleanup_free_ char *all = maqet_strings_join(&reasons, "; ");
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU cannot save the guest's state: %s", all);
}

/* ---- saving ---- */

/* The limits of precopy, for "migrate-set-parameters". */
static json_object *
limits(int64_t downtime, int64_t bandwidth)
{
    return maqet_json_object("downtime-limit", json_object_new_int64(downtime),
                             "max-bandwidth", json_object_new_int64(bandwidth), NULL);
}

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
    const struct method *method = &methods[result->method];
    int done = maqet_migration_tell(qmp, "migrate-set-parameters",
                                    limits(DOWNTIME_LIMIT, BANDWIDTH), err);
    if (done == 0)
        done = give(qmp, save, result, err);
    if (done == 0)
        done = method->save(qmp, save, result, err);
    /* If QEMU does not answer, the guard takes over: here, each command would wait again. */
    if (done < 0 && err && *err && (*err)->silent) {
        save->take(save->data);
        result->stuck = true;
        return -1;
    }
    if (done < 0) {
        save->take(save->data);
        result->stuck = maqet_migration_abandon(qmp, NULL) < 0;
    } else {
        free(query_progress(qmp, save, NULL));
    }
    maqet_migration_tell(qmp, "migrate-set-parameters",
                         limits(maqet_json_int(before, "downtime-limit"),
                                maqet_json_int(before, "max-bandwidth")),
                         NULL);
    if (result->mapped)
        maqet_migration_take_back(qmp);
    if (method->capability)
        maqet_migration_set_capability(qmp, method->capability, false, NULL);
    maqet_migration_set_capability(qmp, MAQET_MIGRATION_SPLITTABLE, false, NULL);
    return done;
}
