/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.c - making checkpoints, listing and deleting them.
 *
 * In the moment in which the guest stands still for its memory, QEMU makes the snapshots
 * of all drives by one transaction. The file of state gets its name when it is complete
 * and has reached the disk; until then the checkpoint is not there, and what there is of
 * it goes by the repair (repair.c). A child watches over the guest meanwhile (guard.c).
 */
#include "core/snapshot/checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/snapshot/guard.h"
#include "core/snapshot/session.h"
#include "core/snapshot/state_file.h"
#include "core/snapshot/writer.h"

/* ms for a question. */
static const int64_t ASK_TIMEOUT = 10000;

enum { COMMAND_LINE_LIMIT = 1 << 20 /* bytes */ };

void
maqet_checkpoint_receipt_clear(struct maqet_checkpoint_receipt *receipt)
{
    free(receipt->reason);
    maqet_strings_clear(&receipt->drives);
    *receipt = (struct maqet_checkpoint_receipt){0};
}

/* ---- what is asked for ---- */

/* All drives that the guest writes to: with one of them missing, its memory would come
 * back to a drive that has gone on. */
static int
choose_drives(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings shares = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings skipped = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_session_shares(session, &shares);
    if (maqet_session_choose(session, NULL, &shares, &skipped, &reason) == 0)
        return 0;
    maqet_error_set(err, reason->code, "%s", reason->message);
    maqet_error_hint(err,
                     "A checkpoint needs all drives that the guest can write to; keep "
                     "the others alone: maqet snapshot %s create --all NAME --live "
                     "--exclude DRIVE",
                     session->name);
    return -1;
}

static int
check_name(const struct maqet_session *session, const char *name,
           struct maqet_error **err)
{
    if (!maqet_snapshot_name_valid(name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "'%s' can't name a checkpoint: a letter or digit, then "
                               "letters, digits and '_', '.', ':', '+', '-', 128 at most",
                               name);
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];

        if (!maqet_session_find(session, member, name, NULL))
            continue;
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "There is a snapshot '%s' of drive '%s' on VM '%s' already", name,
                        member->drive->name, session->name);
        maqet_error_hint(err, "Give another name");
        return -1;
    }
    return 0;
}

static int
check_runs(const struct maqet_session *session, struct maqet_error **err)
{
    if (session->pid > 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is not running, so there is no memory to keep",
                    session->name);
    maqet_error_hint(err, "Keep its drives: maqet snapshot %s create --all NAME",
                     session->name);
    return -1;
}

/* QEMU lets the guest run when its state is saved, whatever it did before. */
static int
check_state(struct maqet_session *session, struct maqet_qmp *qmp,
            struct maqet_error **err)
{
    _cleanup_json_ json_object *status =
        maqet_qmp_execute(qmp, "query-status", NULL, ASK_TIMEOUT, err);
    const char *word = maqet_json_text(status, "status");

    if (!status)
        return -1;
    if (word && strcmp(word, "running") == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is %s; only one that runs has checkpoints", session->name,
                    word ? word : "in an unknown state");
    maqet_error_hint(err, "Let it go on: maqet qmp %s cont", session->name);
    return -1;
}

/* How the drives alone are kept while it runs: without what has no snapshots. */
static void
hint_drives_alone(const struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings shares = MAQET_STRINGS_INIT;

    maqet_session_shares(session, &shares);
    _cleanup_free_ char *list = maqet_strings_join(&shares, " --exclude ");
    maqet_error_hint(
        err, "Keep the drives alone: maqet snapshot %s create --all NAME --live%s%s",
        session->name, shares.count > 0 ? " --exclude " : "", list);
}

static int
check_blocked(struct maqet_session *session, struct maqet_qmp *qmp,
              struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *blocked = maqet_migration_blocked(qmp, &reason);

    if (reason)
        return maqet_error_move(err, TAKE_PTR(reason));
    if (!blocked)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' can't be kept with its memory now. QEMU says: %s",
                    session->name, blocked);
    maqet_error_hint(err, "If it is a shared folder: unmount it in the guest first");
    hint_drives_alone(session, err);
    return -1;
}

/* A flash memory's content is part of the devices' state, and is written to its file when
 * that is loaded. */
static bool
is_flash(json_object *device)
{
    const char *name = maqet_json_text(device, "device");
    const char *path = maqet_json_text(device, "qdev");

    return (name && maqet_text_starts(name, "pflash")) ||
           (path && maqet_text_starts(path, "/machine/system.flash"));
}

static bool
is_member(const struct maqet_session *session, const char *node)
{
    for (size_t i = 0; node && i < session->count; i++)
        if (strcmp(session->members[i].drive->name, node) == 0)
            return true;
    return false;
}

/* What the guest writes to besides its drives, by `arguments`: that would not come back
 * with its memory, and be damaged by a guest that takes it for what it was. *flash gets
 * the files of flash memory. */
static int
check_others(const struct maqet_session *session, struct maqet_qmp *qmp,
             struct maqet_strings *flash, struct maqet_error **err)
{
    _cleanup_json_ json_object *devices =
        maqet_qmp_execute(qmp, "query-block", NULL, ASK_TIMEOUT, err);

    if (!json_object_is_type(devices, json_type_array))
        return devices ? maqet_error_set(err, MAQET_ERROR_FAILED,
                                         "QEMU's list of block devices is no list")
                       : -1;
    for (size_t i = 0; i < json_object_array_length(devices); i++) {
        json_object *device = json_object_array_get_idx(devices, i), *inserted = NULL;

        if (!json_object_object_get_ex(device, "inserted", &inserted) ||
            json_object_get_boolean(json_object_object_get(inserted, "ro")) ||
            is_member(session, maqet_json_text(inserted, "node-name")))
            continue;
        const char *file = maqet_json_text(inserted, "file");
        if (is_flash(device)) {
            maqet_strings_add(flash, file ? file : "?");
            continue;
        }
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "VM '%s' can't be kept with its memory: the guest can write to "
                        "%s, which is none of its drives",
                        session->name, file ? file : "something");
        maqet_error_hint(err, "Make it a drive: move it from `arguments` to `storage`");
        hint_drives_alone(session, err);
        return -1;
    }
    return 0;
}

/* ---- what it belongs to ---- */

/* A property of an object in QEMU, or NULL. The caller frees. */
static char *
property(struct maqet_qmp *qmp, const char *path, const char *name)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "path", json_object_new_string(path));
    json_object_object_add(arguments, "property", json_object_new_string(name));
    _cleanup_json_ json_object *value =
        maqet_qmp_execute(qmp, "qom-get", arguments, ASK_TIMEOUT, NULL);
    return json_object_is_type(value, json_type_string)
               ? maqet_strdup(json_object_get_string(value))
               : NULL;
}

static void
add_text(json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

/* The machine's versioned name: its type is called NAME-machine. */
static void
add_machine(json_object *about, struct maqet_qmp *qmp)
{
    static const char suffix[] = "-machine";
    _cleanup_free_ char *type = property(qmp, "/machine", "type");
    size_t length = type ? strlen(type) : 0;

    if (length > strlen(suffix) && strcmp(type + length - strlen(suffix), suffix) == 0)
        type[length - strlen(suffix)] = '\0';
    add_text(about, "machine", type);
}

static void
add_cpu(json_object *about, struct maqet_qmp *qmp)
{
    _cleanup_json_ json_object *cpus =
        maqet_qmp_execute(qmp, "query-cpus-fast", NULL, ASK_TIMEOUT, NULL);
    json_object *first = json_object_is_type(cpus, json_type_array)
                             ? json_object_array_get_idx(cpus, 0)
                             : NULL;
    const char *path = maqet_json_text(first, "qom-path");
    _cleanup_free_ char *type = path ? property(qmp, path, "type") : NULL;

    add_text(about, "cpu", type);
}

/* The program that runs, even when the file of that name is another one by now. */
static void
add_program(json_object *about, int pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/exe", pid);
    _cleanup_free_ char *mark = maqet_file_mark(path);

    add_text(about, "program", mark);
}

static json_object *
texts(const struct maqet_strings *strings)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < strings->count; i++)
        json_object_array_add(list, json_object_new_string(strings->items[i]));
    return list;
}

/* What QEMU was called with, but for what lets it load a state (add_incoming in
 * core/vm/start.c): it may have been started from a checkpoint itself. */
static int
command_line(int pid, struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/cmdline", pid);
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (maqet_file_read(path, COMMAND_LINE_LIMIT, &text, &length, err) < 0)
        return -1;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        maqet_strings_add(argv, text + at);
    if (argv->count >= 2 && strcmp(argv->items[argv->count - 2], "-incoming") == 0) {
        maqet_strings_cut(argv, argv->count - 2);
        if (argv->count >= 2 && strcmp(argv->items[argv->count - 2], "-machine") == 0)
            maqet_strings_cut(argv, argv->count - 2);
    }
    return 0;
}

/* What the state can be loaded into. NULL on error. */
static json_object *
describe(struct maqet_session *session, struct maqet_qmp *qmp, uint64_t memory,
         const struct maqet_strings *flash, struct maqet_error **err)
{
    _cleanup_json_ json_object *about = json_object_new_object();
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    if (command_line(session->pid, &argv, err) < 0)
        return NULL;
    for (size_t i = 0; i < session->count; i++)
        maqet_strings_add(&drives, session->members[i].drive->name);
    add_machine(about, qmp);
    add_cpu(about, qmp);
    add_program(about, session->pid);
    add_text(about, "qemu", maqet_qmp_version_text(qmp));
    json_object_object_add(about, "version", json_object_new_int(maqet_qmp_version(qmp)));
    json_object_object_add(about, "memory", json_object_new_int64((int64_t)memory));
    json_object_object_add(about, "arguments", texts(&argv));
    json_object_object_add(about, "drives", texts(&drives));
    json_object_object_add(about, "flash", texts(flash));
    return TAKE_PTR(about);
}

/* The guest's memory in bytes, which bounds what its state takes; and there is room for
 * it.
 */
static int
check_space(const struct maqet_session *session, struct maqet_qmp *qmp, uint64_t *memory,
            struct maqet_error **err)
{
    _cleanup_json_ json_object *summary =
        maqet_qmp_execute(qmp, "query-memory-size-summary", NULL, ASK_TIMEOUT, err);
    uint64_t available;

    if (!summary)
        return -1;
    *memory = (uint64_t)maqet_json_int(summary, "base-memory") +
              (uint64_t)maqet_json_int(summary, "plugged-memory");
    if (!maqet_state_file_space(session->context, session->name, &available) ||
        *memory <= available)
        return 0;
    _cleanup_free_ char *needed = maqet_text_bytes(*memory);
    _cleanup_free_ char *left = maqet_text_bytes(available);
    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "Insufficient disk space for the memory of VM '%s'. Required: %s, "
                    "Available: %s. Free up disk space in %s and try again.",
                    session->name, needed, left, session->context->data_dir);
    return -1;
}

/* ---- creating ---- */

struct making {
    struct maqet_session *session;
    struct maqet_writer *writer;
    const char *name;
    int64_t begun;
    struct maqet_stillness *stillness;
};

static int
make_snapshots(void *data, struct maqet_error **err)
{
    const struct making *making = data;

    return maqet_session_transact(making->session, making->name, err);
}

/* Flushing the images is most of what stopping a guest takes: by now there is little left
 * of that. */
static void
flush_images(void *data)
{
    const struct maqet_session *session = ((const struct making *)data)->session;

    for (size_t i = 0; i < session->count; i++) {
        const char *path = session->members[i].drive->path;
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd >= 0)
            fdatasync(fd);
    }
}

static void
take_all(void *data)
{
    const struct making *making = data;

    maqet_writer_take(making->writer);
}

static void
release_pipe(void *data)
{
    const struct making *making = data;

    maqet_writer_release(making->writer);
}

/* How long the guest has stood still by now, in ms. */
static double
pause_so_far(const struct making *making)
{
    struct timespec now;
    const struct maqet_stillness *stillness = making->stillness;

    maqet_session_measure(making->session, making->stillness);
    clock_gettime(CLOCK_REALTIME, &now); /* QEMU's events have the time of that clock */
    return stillness->pause + (stillness->since > 0
                                   ? (double)now.tv_sec * 1000 +
                                         (double)now.tv_nsec / 1000000 - stillness->since
                                   : 0);
}

static void
show_progress(void *data, uint64_t done, uint64_t left, uint64_t written)
{
    const struct making *making = data;
    const struct maqet_context *context = making->session->context;
    int64_t elapsed = maqet_now() - making->begun;

    if (!context->progress || done + left == 0)
        return;
    _cleanup_free_ char *bytes = maqet_text_bytes(written);
    _cleanup_free_ char *rate =
        maqet_text_bytes(elapsed > 0 ? written * 1000 / (uint64_t)elapsed : 0);
    _cleanup_free_ char *what =
        maqet_format("VM '%s': %s of memory written, %s/s, pause so far %.0f ms",
                     making->session->name, bytes, rate, pause_so_far(making));
    context->progress(context->data, what, 100.0 * (double)done / (double)(done + left),
                      elapsed);
}

/* The file anew, as QEMU wants it of a set: for writing only. -1: not for this request.
 */
static int
open_for_qemu(int fd, const struct maqet_checkpoint_request *request)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d", fd);

    return request->compress ? -1 : open(path, O_WRONLY | O_CLOEXEC);
}

static int
save(struct maqet_session *session, const struct maqet_checkpoint_request *request,
     struct maqet_qmp *qmp, int fd, struct maqet_migration_result *result,
     struct maqet_stillness *stillness, struct maqet_error **err)
{
    struct making making = {
        .session = session,
        .writer = maqet_writer_begin(fd, request->compress, err),
        .name = request->name,
        .begun = maqet_now(),
        .stillness = stillness,
    };

    if (!making.writer)
        return -1;
    _cleanup_close_ int file = open_for_qemu(fd, request);
    const struct maqet_migration_save how = {
        .fd = maqet_writer_pipe(making.writer),
        .file = file,
        .pid = session->pid,
        .take = take_all,
        .soon = flush_images,
        .method = request->method,
        .limit = request->limit,
        .still = make_snapshots,
        .given = release_pipe,
        .progress = show_progress,
        .data = &making,
    };
    struct maqet_guard *guard = maqet_guard_begin(session->dir_fd, session->name,
                                                  session->pidfd, making.writer, err);

    int saved = guard ? maqet_migration_save(qmp, &how, result, err) : -1;
    /* A writer that could not write ends the checkpoint, but not the guest. */
    int written = maqet_writer_end(making.writer, saved < 0, saved < 0 ? NULL : err);
    if (result->stuck)
        maqet_session_leave_monitor(session);
    maqet_guard_end(guard, !result->stuck);
    return saved < 0 || written < 0
               ? maqet_error_wrap(err, "Virtual machine '%s'", session->name)
               : 0;
}

/* From the journal to its end; a failure is for maqet_session_recover. */
static int
make(struct maqet_session *session, const struct maqet_checkpoint_request *request,
     struct maqet_qmp *qmp, json_object *about, struct maqet_checkpoint_receipt *receipt,
     struct maqet_error **err)
{
    struct maqet_migration_result result = {0};
    struct maqet_stillness stillness = {0};
    _cleanup_close_ int fd = -1;

    if (maqet_session_begin(session, MAQET_OPERATION_CHECKPOINT, request->name, NULL,
                            err) < 0)
        return -1;
    fd = maqet_state_file_create(session->context, session->name, request->name, err);
    if (fd < 0 || save(session, request, qmp, fd, &result, &stillness, err) < 0) {
        free(result.reason);
        return -1;
    }
    receipt->reason = result.reason;
    receipt->method = result.method;
    maqet_session_measure(session, &stillness);
    receipt->pause = stillness.pause;
    add_text(about, "method", maqet_migration_method_name(result.method));
    if (request->compress)
        add_text(about, "compression", "zstd");
    json_object_object_add(about, "mapped", json_object_new_boolean(result.mapped));
    json_object_object_add(about, "pause", json_object_new_double(stillness.pause));
    json_object_object_add(about, "date", json_object_new_int64(time(NULL)));
    if (maqet_state_file_publish(session->context, session->name, request->name, fd,
                                 about, err) < 0 ||
        maqet_session_refresh(session, err) < 0)
        return -1;
    receipt->bytes = maqet_json_int(about, "size");
    maqet_session_note_created(session, request->name);
    return maqet_history_save(session->history, err) < 0 ||
                   maqet_session_done(session, err) < 0
               ? -1
               : 0;
}

int
maqet_checkpoint_create(const struct maqet_context *context,
                        const struct maqet_checkpoint_request *request,
                        struct maqet_checkpoint_receipt *receipt,
                        struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);
    int64_t begun = maqet_now();
    uint64_t memory;
    _cleanup_strings_ struct maqet_strings flash = MAQET_STRINGS_INIT;

    if (!session || maqet_session_repair(session, err) < 0 ||
        check_runs(session, err) < 0 || choose_drives(session, err) < 0 ||
        maqet_session_refresh(session, err) < 0 ||
        check_name(session, request->name, err) < 0)
        return -1;
    struct maqet_qmp *qmp = maqet_session_monitor(session, err);
    if (!qmp || check_state(session, qmp, err) < 0 ||
        check_blocked(session, qmp, err) < 0 ||
        check_others(session, qmp, &flash, err) < 0 ||
        check_space(session, qmp, &memory, err) < 0)
        return -1;
    _cleanup_json_ json_object *about = describe(session, qmp, memory, &flash, err);
    if (!about)
        return -1;
    if (make(session, request, qmp, about, receipt, err) < 0)
        return maqet_session_recover(session, err);
    receipt->wall = (double)(maqet_now() - begun);
    for (size_t i = 0; i < session->count; i++)
        maqet_strings_add(&receipt->drives, session->members[i].drive->name);
    return 0;
}

/* ---- deleting ---- */

int
maqet_checkpoint_delete(const struct maqet_context *context,
                        const struct maqet_checkpoint_request *request,
                        struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, true, err);
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    if (!session || maqet_session_repair(session, err) < 0)
        return -1;
    _cleanup_json_ json_object *about =
        maqet_state_file_about(context, session->name, request->name, err);
    if (!about)
        return -1;
    maqet_json_texts(json_object_object_get(about, "drives"), &drives);
    maqet_session_choose_listed(session, &drives);
    if (maqet_session_refresh(session, err) < 0 ||
        maqet_session_begin(session, MAQET_OPERATION_FORGET, request->name, NULL, err) <
            0)
        return -1;
    if (maqet_state_file_remove(context, session->name, request->name, err) < 0)
        return maqet_session_recover(session, err);
    for (size_t i = 0; i < session->count; i++) {
        struct maqet_member *member = &session->members[i];
        const struct maqet_snapshot *found =
            maqet_session_find(session, member, request->name, NULL);

        if (!found)
            continue;
        if (maqet_session_remove(session, member, found, err) < 0)
            return maqet_session_recover(session, err);
        maqet_history_removed(session->history, member->drive->name, found);
    }
    return maqet_history_save(session->history, err) < 0 ||
                   maqet_session_done(session, err) < 0
               ? -1
               : 0;
}

/* ---- listing ---- */

static int
by_date(const void *a, const void *b)
{
    json_object *const *first = a, *const *second = b;
    int64_t one = maqet_json_int(*first, "date"), other = maqet_json_int(*second, "date");

    return (one > other) - (one < other);
}

json_object *
maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                      struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, false, err);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *list = json_object_new_array();

    if (!session || maqet_session_repair(session, err) < 0 ||
        maqet_state_file_list(context, session->name, &names, err) < 0)
        return NULL;
    for (size_t i = 0; i < names.count; i++) {
        json_object *about =
            maqet_state_file_about(context, session->name, names.items[i], err);

        if (!about)
            return NULL;
        add_text(about, "name", names.items[i]);
        json_object_array_add(list, about);
    }
    json_object_array_sort(list, by_date);
    return TAKE_PTR(list);
}
