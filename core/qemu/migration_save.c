/* SPDX-License-Identifier: MIT */
/*
 * Precopy depends on QEMU noticing every page that the guest writes to while it is
 * copied. An emulated guest (TCG) writes through a cache of translated addresses (the
 * TLB), whose entries say whether a write is still to be noticed. Before 9.0, QEMU forgot
 * to reset them after it had read and cleared its record of the pages written to
 * (cpu_physical_memory_sync_dirty_bitmap; fixed by QEMU's commit 03bfc2188f0, "physmem:
 * Fix migration dirty bitmap coherency with TCG memory access"), so later writes were
 * lost: with 7.2, no guest that rewrites its memory survives that. The author of the fix
 * had seen further races of this kind. 10.0 is the first version that was found to be
 * sound, with guests that verify their memory.
 */
#include "core/qemu/migration_save.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/qemu/migration.h"

/* The first QEMU by which precopy of an emulated guest is known to be sound. */
enum { TCG_PRECOPY_SINCE = 100000 };

/* ms between two looks at how far it is; events tell of what happens. */
static const int64_t LOOK_INTERVAL = 200;

/* ms between two looks whether QEMU has prepared itself, how many of these must say so,
 * and ms after which it goes on without: then the guest stands still a little longer. */
static const int64_t PREPARE_INTERVAL = 1;
static const int PREPARE_LOOKS = 3;
static const int64_t PREPARE_TIMEOUT = 60000;

/* What precopy may leave for the moment in which the guest stands still, in ms; and the
 * bytes a second that it may write, which is no limit but that of the disk. */
enum { DOWNTIME_LIMIT = 20 };
static const int64_t BANDWIDTH = INT64_C(1) << 40;

/* The first QEMU that has the capability "mapped-ram". */
enum { MAPPED_RAM_SINCE = 90000 };

/* The first QEMU that writes the beginning of a state with its big lock held: made to
 * wait there, it would be deaf. */
enum { SETUP_LOCKED_SINCE = 80200 };

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

/* ---- choosing ---- */

/* The capability that a method needs; NULL: none. */
static const char *
capability_of(enum maqet_migration_method method)
{
    if (method == MAQET_MIGRATION_BACKGROUND)
        return "background-snapshot";
    return method == MAQET_MIGRATION_PRECOPY ? "pause-before-switchover" : NULL;
}

/* Makes QEMU ready for one method. */
static int
prepare(struct maqet_qmp *qmp, enum maqet_migration_method method,
        struct maqet_migration_result *result, struct maqet_error **err)
{
    const char *capability = capability_of(method);

    if (maqet_migration_check_method(qmp, method, err) < 0 ||
        (capability && maqet_migration_set_capability(qmp, capability, true, err) < 0))
        return -1;
    result->method = method;
    return 0;
}

/* Makes QEMU ready for the wanted method, or for the first one that works, and notes
 * which one that is, and why none before it. */
static int
choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
       struct maqet_migration_result *result, struct maqet_error **err)
{
    static const enum maqet_migration_method order[] = {
        MAQET_MIGRATION_BACKGROUND, MAQET_MIGRATION_PRECOPY, MAQET_MIGRATION_STOP};
    _cleanup_text_ struct maqet_text reasons = MAQET_TEXT_INIT;

    if (wanted != MAQET_MIGRATION_AUTO)
        return prepare(qmp, wanted, result, err);
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (prepare(qmp, order[i], result, &reason) == 0) {
            result->reason = reasons.length > 0 ? maqet_text_take(&reasons) : NULL;
            return 0;
        }
        /* It has gone, or does not answer. */
        if (reason->code == MAQET_ERROR_STATE || reason->code == MAQET_ERROR_TIMEOUT)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_text_appendf(&reasons, "%s%s", reasons.length > 0 ? "; " : "",
                           reason->message);
    }
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU cannot save the guest's state: %s", reasons.data);
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
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", err);
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
    _cleanup_json_ json_object *info = maqet_migration_ask(qmp, "query-migrate", NULL);
    const char *words = maqet_json_text(info, "error-desc");

    if (!words)
        words = status;
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU could not save the guest's state: %.*s",
                           maqet_text_fitting(words), words);
}

/* The state that QEMU's next event of the migration tells, within @timeout ms: *status,
 * which the caller frees; NULL: there was none. */
static int
next_status(struct maqet_qmp *qmp, int64_t timeout, char **status,
            struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *late = NULL;
    _cleanup_json_ json_object *event = maqet_qmp_event(qmp, "MIGRATION", timeout, &late);
    json_object *data = NULL;

    *status = NULL;
    if (!event && late->code != MAQET_ERROR_TIMEOUT)
        return maqet_error_move(err, TAKE_PTR(late));
    json_object_object_get_ex(event, "data", &data);
    if (maqet_json_text(data, "status"))
        *status = maqet_strdup(maqet_json_text(data, "status"));
    return 0;
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
    for (;;) {
        _cleanup_free_ char *status = NULL;

        if (next_status(qmp, LOOK_INTERVAL, &status, err) < 0 ||
            (!status && look(qmp, save, bytes, &status, err) < 0))
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
 * Waits until QEMU has made memory ready for being protected: it reads one byte of every
 * page, which takes longer the more there is, and the guest runs meanwhile. Then it is
 * about to write, to a pipe that takes nothing, so the thread that does all that sleeps.
 */
static int
await_preparation(struct maqet_qmp *qmp, int pid, const struct maqet_strings *before,
                  struct maqet_error **err)
{
    int64_t deadline = maqet_now() + PREPARE_TIMEOUT;

    for (int looks = 0; looks < PREPARE_LOOKS && maqet_now() < deadline;) {
        _cleanup_free_ char *status = NULL;

        if (next_status(qmp, PREPARE_INTERVAL, &status, err) < 0)
            return -1;
        if (status && strcmp(status, "setup") != 0)
            return 0; /* who looks at the state afterwards says what that means */
        looks = maqet_threads_others_sleep(pid, before) ? looks + 1 : 0;
    }
    return 0;
}

/* Whether it waits for the pipe, as it must when the guest has been stopped: only then
 * are devices and memory those of the moment in which the guest stands still. */
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

/* Begins to save, with the guest stopped at the last moment. */
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

/* Begins to save with the guest stopped before. */
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
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : 0;
}

static int
save_stopped(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
             struct maqet_migration_result *result, struct maqet_error **err)
{
    return begin_stopped(qmp, save, result, err) < 0 ||
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* A guest that changes memory faster than it is written would be copied for ever: after
 * the limit it is stopped, and then little is left. */
static int
save_by_precopy(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                struct maqet_migration_result *result, struct maqet_error **err)
{
    save->soon(save->data);
    save->take(save->data);
    if (maqet_migration_begin(qmp, "migrate", result->mapped, err) < 0)
        return -1;
    int late = await(qmp, save, "pre-switchover", maqet_now() + save->limit,
                     &result->bytes, err);
    if (late > 0) {
        result->method = MAQET_MIGRATION_STOP;
        free(result->reason);
        result->reason =
            maqet_format("for %.0f s, the guest has been changing its memory faster "
                         "than it can be written",
                         (double)save->limit / 1000);
        late = maqet_migration_tell(qmp, "stop", NULL, err) < 0
                   ? -1
                   : await(qmp, save, "pre-switchover", 0, &result->bytes, err);
    }
    return late < 0 || save->still(save->data, err) < 0 ||
                   maqet_migration_go_on_from(qmp, "pre-switchover", err) < 0 ||
                   await(qmp, save, "completed", 0, &result->bytes, err) < 0
               ? -1
               : maqet_migration_resume(qmp, err);
}

/* ---- all of it ---- */

/* The limits of precopy, for "migrate-set-parameters". */
static json_object *
limits(int64_t downtime, int64_t bandwidth)
{
    return maqet_json_object("downtime-limit", json_object_new_int64(downtime),
                             "max-bandwidth", json_object_new_int64(bandwidth), NULL);
}

/* Gives QEMU the file itself where it can put each page in a place of its own: then a
 * guest that changes much does not make it larger. Not in the background, where what QEMU
 * writes must not fail (core/qemu/migration_writer.h). */
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
    uint64_t bytes = 0;
    _cleanup_free_ char *status = NULL;

    *result = (struct maqet_migration_result){0};
    if (!before || maqet_migration_set_capability(qmp, "events", true, err) < 0 ||
        choose(qmp, save->method, result, err) < 0)
        return -1;
    const char *capability = capability_of(result->method);
    int done = maqet_migration_tell(qmp, "migrate-set-parameters",
                                    limits(DOWNTIME_LIMIT, BANDWIDTH), err);
    if (done == 0)
        done = give(qmp, save, result, err);
    if (done == 0 && result->method == MAQET_MIGRATION_BACKGROUND)
        done = save_in_background(qmp, save, result, err);
    else if (done == 0 && result->method == MAQET_MIGRATION_PRECOPY)
        done = save_by_precopy(qmp, save, result, err);
    else if (done == 0)
        done = save_stopped(qmp, save, result, err);
    /* One that does not answer is left to the guard: it would be waited for again and
     * again. */
    if (done < 0 && err && *err && (*err)->silent) {
        save->take(save->data);
        result->stuck = true;
        return -1;
    }
    /* What it failed with counts, and not what comes of that. */
    if (done < 0) {
        save->take(save->data);
        result->stuck = maqet_migration_abandon(qmp, NULL) < 0;
    } else if (look(qmp, save, &bytes, &status, NULL) == 0) {
        result->bytes = bytes;
    }
    maqet_migration_tell(qmp, "migrate-set-parameters",
                         limits(maqet_json_int(before, "downtime-limit"),
                                maqet_json_int(before, "max-bandwidth")),
                         NULL);
    if (result->mapped)
        maqet_migration_take_back(qmp);
    if (capability)
        maqet_migration_set_capability(qmp, capability, false, NULL);
    return done;
}
