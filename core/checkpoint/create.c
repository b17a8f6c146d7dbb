/* SPDX-License-Identifier: MIT */
/*
 * create.c - while the guest is paused for its memory, QEMU creates the snapshots of all
 * drives by one transaction. The state file gets its name when it is complete and has
 * reached the disk; until then the checkpoint does not exist, and the recovery deletes its
 * parts. A child watches over the guest meanwhile (guard.c).
 */
#include "core/checkpoint/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/checkpoint/creatable.h"
#include "core/checkpoint/guard.h"
#include "core/checkpoint/mappable.h"
#include "core/job/recover.h"
#include "core/machine/checkpoint_memory.h"
#include "core/machine/monitor.h"
#include "core/qemu/migration.h"
#include "core/qemu/migration_writer.h"
#include "core/snapshot/create.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"
#include "core/snapshot/steps.h"
#include "core/storage/overlays.h"

void
maqet_checkpoint_receipt_clear(struct maqet_checkpoint_receipt *receipt)
{
    free(receipt->reason);
    free(receipt->unmappable);
    maqet_strings_clear(&receipt->drives);
    *receipt = (struct maqet_checkpoint_receipt){0};
}

/* ---- creating ---- */

struct writing {
    struct maqet_session *session;
    struct maqet_writer *writer;
    const char *name;
    int64_t begun;
};

static int
make_snapshots(void *data, struct maqet_error **err)
{
    const struct writing *writing = data;

    return maqet_steps_transact(writing->session, writing->name, err);
}

/* Pausing a guest spends most of its time flushing the images, so this is done before. */
static void
flush_images(void *data)
{
    const struct maqet_session *session = ((const struct writing *)data)->session;

    MAQET_FOR_EACH_MEMBER (member, session) {
        const struct maqet_overlays *overlays = member->drive->overlays;
        const char *path = overlays
                               ? maqet_overlays_node(overlays, overlays->top)->file.file
                               : member->drive->path;
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd >= 0)
            fdatasync(fd);
    }
}

static void
take_all(void *data)
{
    const struct writing *writing = data;

    maqet_writer_take(writing->writer);
}

static void
discard_all(void *data)
{
    const struct writing *writing = data;

    maqet_writer_discard(writing->writer);
}

static void
release_pipe(void *data)
{
    const struct writing *writing = data;

    maqet_writer_release(writing->writer);
}

/* ms for which the guest has been paused by now. */
static double
pause_so_far(const struct writing *writing)
{
    const struct maqet_stillness *stillness = &writing->session->stillness;

    maqet_steps_measure(writing->session);
    /* QEMU's events have the time of this clock. */
    double now = (double)maqet_realtime() / 1e6;
    return stillness->pause + (stillness->since > 0 ? now - stillness->since : 0);
}

static void
show_progress(void *data, uint64_t done, uint64_t left, uint64_t written)
{
    const struct writing *writing = data;
    const struct maqet_context *context = writing->session->machine->context;
    int64_t elapsed = maqet_now() - writing->begun;

    if (!context->progress || done + left == 0)
        return;
    _cleanup_free_ char *bytes = maqet_text_bytes(written);
    _cleanup_free_ char *rate =
        maqet_text_bytes(elapsed > 0 ? written * 1000 / (uint64_t)elapsed : 0);
    _cleanup_free_ char *what =
        maqet_format("VM '%s': %s of memory written, %s/s, paused for %.0f ms",
                     writing->session->machine->name, bytes, rate, pause_so_far(writing));
    maqet_context_progress(context, what, done, done + left, writing->begun);
}

/* The files of the checkpoint, and what can go into that for the memory. */
struct files {
    int state;
    int memory; /* -1: there is none */
    struct maqet_mappable mappable;
    uint64_t size; /* of the memory, in bytes */
};

static void
files_clear(struct files *files)
{
    if (files->state >= 0)
        close(files->state);
    if (files->memory >= 0)
        close(files->memory);
    maqet_mappable_clear(&files->mappable);
}

#define _cleanup_files_ _cleanup_(files_clear)

static int
create_files(const struct maqet_opened *machine, const char *name, struct files *files,
             struct maqet_error **err)
{
    files->state = maqet_state_file_create(machine->context, machine->name, name, err);
    if (files->state < 0 || !files->mappable.block)
        return files->state < 0 ? -1 : 0;
    files->memory = maqet_memory_file_create(machine->context, machine->name, name, err);
    return files->memory < 0 ? -1 : 0;
}

/* Opens the file again, for writing only, as QEMU requires it in a set. -1: QEMU does not
 * write to it directly. */
static int
open_for_qemu(const struct files *files, const struct maqet_checkpoint_request *request)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d", files->state);

    return request->compress || files->memory >= 0 ? -1
                                                   : open(path, O_WRONLY | O_CLOEXEC);
}

static struct maqet_writer *
begin_writer(const struct files *files, bool compress, struct maqet_error **err)
{
    const struct maqet_split_plan plan = {
        .memory = files->memory,
        .rest = files->state,
        .block = files->mappable.block,
        .size = files->size,
        .pages_vary = files->mappable.pages_vary,
    };

    return files->memory < 0 ? maqet_writer_begin(files->state, compress, err)
                             : maqet_writer_begin_split(&plan, err);
}

/* 1: see maqet_migration_save(). */
static int
save_by(enum maqet_migration_method method, struct maqet_session *session,
        const struct maqet_checkpoint_request *request, struct maqet_qmp *qmp,
        struct files *files, struct maqet_migration_result *result,
        struct maqet_error **err)
{
    struct writing writing = {
        .session = session,
        .writer = begin_writer(files, request->compress, err),
        .name = request->name,
        .begun = maqet_now(),
    };

    if (!writing.writer)
        return -1;
    _cleanup_close_ int file = open_for_qemu(files, request);
    const struct maqet_migration_save how = {
        .fd = writing.writer->pipe,
        .file = file,
        .memory = files->memory >= 0 ? files->memory : files->state,
        .pid = session->machine->run.pid,
        .take = take_all,
        .discard = discard_all,
        .soon = flush_images,
        .method = method,
        .splittable = files->memory >= 0,
        .limit = request->limit,
        .still = make_snapshots,
        .given = release_pipe,
        .progress = show_progress,
        .data = &writing,
    };
    struct maqet_guard guard;
    bool guarded =
        maqet_guard_begin(&guard, session->machine->run.dir_fd, session->machine->name,
                          session->machine->run.pidfd, writing.writer, err) == 0;

    int saved = guarded ? maqet_migration_save(qmp, &how, result, err) : -1;
    /* If the writer could not write, the checkpoint fails, but the guest is not affected.
     * What was given up is waited for: the files are used again. */
    int written = maqet_writer_end(writing.writer, saved < 0,
                                   saved == 0 ? &files->mappable.reason : NULL,
                                   saved == 0 ? err : NULL);
    if (result->stuck) {
        maqet_monitor_leave(session->machine);
        session->machine->silent = true;
    }
    if (guarded)
        maqet_guard_end(&guard, !result->stuck);
    if (saved > 0)
        return saved;
    return saved < 0 || written < 0
               ? maqet_error_wrap(err, "VM '%s'", session->machine->name)
               : 0;
}

static int
empty_files(const struct files *files, struct maqet_error **err)
{
    const int fds[] = {files->state, files->memory};

    for (size_t i = 0; i < 2; i++)
        if (fds[i] >= 0 && (ftruncate(fds[i], 0) < 0 || lseek(fds[i], 0, SEEK_SET) < 0))
            return maqet_error_errno(err, errno, "Cannot empty the checkpoint's files");
    return 0;
}

static int
save(struct maqet_session *session, const struct maqet_checkpoint_request *request,
     struct maqet_qmp *qmp, struct files *files, struct maqet_migration_result *result,
     struct maqet_error **err)
{
    int saved = save_by(request->method, session, request, qmp, files, result, err);

    if (saved <= 0)
        return saved;
    char *reason = TAKE_PTR(result->reason);
    saved = empty_files(files, err) < 0
                ? maqet_error_wrap(err, "VM '%s'", session->machine->name)
                : save_by(MAQET_MIGRATION_BACKGROUND, session, request, qmp, files,
                          result, err);
    free(result->reason);
    result->reason = reason;
    return saved;
}

/* The job; after an error the caller calls maqet_job_fail(). */
static int
make(struct maqet_session *session, const struct maqet_checkpoint_request *request,
     struct maqet_qmp *qmp, struct maqet_checkpoint *about,
     struct maqet_checkpoint_receipt *receipt, struct maqet_error **err)
{
    struct maqet_migration_result result = {0};
    struct maqet_opened *machine = session->machine;
    _cleanup_files_ struct files files = {
        .state = -1, .memory = -1, .size = about->memory};

    if (maqet_mappable_find(machine, qmp, request, about, &files.mappable, err) < 0 ||
        maqet_session_begin(session, &maqet_kind_checkpoint_create, request->name, NULL,
                            err) < 0)
        return -1;
    if (create_files(machine, request->name, &files, err) < 0 ||
        maqet_steps_prepare(session, request->name, err) < 0)
        return -1;
    int saved = save(session, request, qmp, &files, &result, err);
    if (maqet_steps_finish(session, saved, err) < 0) {
        free(result.reason);
        return -1;
    }
    receipt->reason = result.reason;
    receipt->method = result.method;
    maqet_steps_measure(session);
    receipt->pause = session->stillness.pause;
    about->method = maqet_strdup(maqet_migration_method_name(result.method));
    about->compression = maqet_strdup(request->compress ? "zstd" : NULL);
    about->mapped = result.mapped;
    about->splittable = files.memory >= 0;
    about->block = maqet_strdup(files.mappable.reason ? NULL : files.mappable.block);
    about->unmappable = maqet_strdup(files.mappable.reason);
    receipt->unmappable = TAKE_PTR(files.mappable.reason);
    about->pause = session->stillness.pause;
    about->date = time(NULL);
    if (maqet_members_refresh(session, err) < 0 ||
        maqet_identity_record(session, request->name, about, err) < 0)
        return -1;
    /* Reading the file for its checksum takes a while. */
    maqet_monitor_leave(session->machine);
    if (maqet_state_file_publish(machine->context, machine->name, request->name,
                                 files.state, files.memory, about, err) < 0)
        return -1;
    receipt->allocated = about->allocated;
    receipt->length = about->length;
    maqet_members_note_created(session, request->name);
    return maqet_session_done(session, err);
}

int
maqet_checkpoint_create(const struct maqet_context *context,
                        const struct maqet_checkpoint_request *request,
                        struct maqet_checkpoint_receipt *receipt,
                        struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);
    int64_t begun = maqet_now();
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};

    if (!session || maqet_creatable_check(session, request, &about, err) < 0)
        return -1;
    struct maqet_qmp *qmp = maqet_monitor_connect(session->machine, err);
    if (!qmp)
        return -1;
    if (make(session, request, qmp, &about, receipt, err) < 0)
        return maqet_job_fail(session->job, err);
    receipt->wall = (double)(maqet_now() - begun);
    maqet_members_names(session, &receipt->drives);
    maqet_snapshot_warn_of_depth(session);
    return 0;
}

/* ---- recovery ---- */

/* Resumes a guest that may be paused for the checkpoint. */
static int
abandon(struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);
    return qmp ? maqet_migration_abandon(qmp, err) : -1;
}

/* The state is published last, so if it exists, the checkpoint is complete. Else its parts
 * are deleted. */
static int
recover(struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_opened *machine = session->machine;
    const char *name = session->job->journal.name;

    if (abandon(session->machine, err) < 0)
        return -1;
    size_t made = maqet_members_count_named(session, name);
    if (maqet_state_file_exists(machine->context, machine->name, name) &&
        made == session->count) {
        maqet_members_note_created(session, name);
        maqet_job_say(session->job, "it is complete");
        return 0;
    }
    if (maqet_steps_remove(session, name, true, NULL, err) < 0 ||
        maqet_state_file_remove(machine->context, machine->name, name, err) < 0)
        return -1;
    if (made > 0)
        maqet_job_say(session->job, "the incomplete checkpoint has been deleted");
    else
        maqet_job_say_nothing_left(session->job,
                                   "the incomplete checkpoint has been deleted");
    return 0;
}

/* Incomplete memory of the guest is useless. */
static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    const struct maqet_opened *machine = job->machine;
    const char *name = job->journal.name;

    if (abandon(job->machine, err) < 0 ||
        (!maqet_state_file_exists(machine->context, machine->name, name) &&
         maqet_state_file_remove(machine->context, machine->name, name, err) < 0))
        return -1;
    return maqet_session_forget(job, kept, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_checkpoint_create = {
    .word = "checkpoint-create",
    .noun = "creation of checkpoint",
    MAQET_JOB_PHASES(
        {.word = "save", .former = "checkpoint", .finishing = MAQET_CREATE_FINISHING}),
    .blocks_start = true,
    .makes_snapshots = true,
    .makes_set = true,
    .recover_session = recover,
    .recover = maqet_session_recover,
    .forget = forget,
};
