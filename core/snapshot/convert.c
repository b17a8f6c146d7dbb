/* SPDX-License-Identifier: MIT */
#include "core/snapshot/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/job/recover.h"
#include "core/lifecycle/relocation_check.h"
#include "core/machine/bases.h"
#include "core/machine/checkpoint_files.h"
#include "core/snapshot/session.h"
#include "core/snapshot/to_internal.h"
#include "core/snapshot/to_overlays.h"
#include "core/storage/overlay_possible.h"
#include "core/storage/overlays.h"

static const int64_t SECOND = 1000000000; /* in ns */

/* s after the last sign of life of a job in which it may still have written. */
static const int64_t SIGN_SLACK = 3;

/* ---- whether it is possible ---- */

static int
check_stopped(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (machine->run.pid == 0)
        return 0;
    maqet_opened_error_running(machine, false, err);
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

/* A checkpoint fits the nodes of the drives that it was created with. */
static int
check_no_checkpoint(const struct maqet_opened *machine, const struct maqet_drive *drive,
                    struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_state_file_list(machine->context, machine->name, ".json", &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_checkpoint_ struct maqet_checkpoint about = {0};

        if (maqet_state_file_about(machine->context, machine->name, names.items[i],
                                   &about, err) < 0)
            return -1;
        if (!maqet_strings_has(&about.drives, drive->name))
            continue;
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                          "its snapshot '%s' belongs to a checkpoint, which could not be "
                          "loaded afterwards",
                          names.items[i]);
        return maqet_error_next(err, MAQET_NEXT_DELETE_WHOLE_CHECKPOINT, machine->name,
                                names.items[i], NULL);
    }
    return 0;
}

/* Whether the drive can have snapshots of that kind at all. */
static int
check_kind(const struct maqet_model_change *change, const struct maqet_drive *drive,
           struct maqet_error **err)
{
    const struct maqet_storage *storage =
        drive->image_storage ? drive->image_storage : drive->storage;
    _cleanup_plugging_ struct maqet_plugging after = {0};

    if (change->to_overlays)
        return maqet_model_open(change, true, change->image, &after, err) < 0
                   ? -1
                   : maqet_overlays_check_encryption(after.drive, err);
    if (storage->snapshot.size > 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "an image of its type, %s, has no snapshots inside of it",
                      storage->plugin.name);
    maqet_error_hint(err, "Leave them as overlays: `snapshots: overlay`");
    return -1;
}

static int
check(const struct maqet_model_change *change, const struct maqet_drive *drive,
      const struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    const struct maqet_opened *machine = change->machine;

    if (check_no_checkpoint(machine, drive, err) < 0 ||
        maqet_bases_check(drive, err) < 0 ||
        maqet_relocation_check_needs(machine, drive, err) < 0 ||
        maqet_relocation_check_free(drive, change->staged, err) < 0)
        return -1;
    return change->to_overlays ? maqet_to_overlays_check(change, drive, snapshots, err)
                               : maqet_to_internal_check(drive, err);
}

/* ---- the course ---- */

/* Gives the snapshots that are known by other names than those in the image these names, here. */
static void
use_known_names(const struct maqet_history *history, const struct maqet_drive *drive,
                struct maqet_snapshots *snapshots)
{
    struct maqet_overlays *overlays = drive->overlays;

    for (size_t i = 0; i < snapshots->count; i++) {
        struct maqet_snapshot *snapshot = snapshots->items[i];
        const char *name = maqet_history_alias(history, drive->name, snapshot);
        struct maqet_overlay *node =
            name && overlays ? maqet_overlays_find(overlays, snapshot->name) : NULL;

        if (!name)
            continue;
        free(snapshot->name);
        snapshot->name = maqet_strdup(name);
        if (!node)
            continue;
        free(node->name);
        node->name = maqet_strdup(name);
    }
}

/* From here on it is completed. */
static int
finish(const struct maqet_model_change *change, const struct maqet_job *job,
       struct maqet_error **err)
{
    const struct maqet_opened *machine = change->machine;

    if ((change->to_overlays ? maqet_to_overlays_finish(change, err)
                             : maqet_to_internal_finish(change, err)) < 0 ||
        maqet_model_write_key(change, err) < 0)
        return -1;
    return maqet_history_change_keys(machine->context, machine->name, change->drive,
                                     change->keys, change->key_count, job->journal.begun,
                                     err);
}

static int
work(struct maqet_model_change *change, const struct maqet_session *session,
     const struct maqet_drive *drive, const struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    struct maqet_job *job = session->job;

    if ((change->to_overlays
             ? maqet_to_overlays_build(change, drive, snapshots, session->history, err)
             : maqet_to_internal_build(change, job, drive, err)) < 0 ||
        maqet_model_note(change, job, MAQET_MODEL_SWITCH, err) < 0)
        return maqet_error_wrap(err, "Cannot convert the snapshots of drive '%s'",
                                drive->name);
    return finish(change, job, err);
}

static int
convert(struct maqet_model_change *change, const struct maqet_session *session,
        const struct maqet_drive *drive, const struct maqet_snapshots *snapshots,
        struct maqet_error **err)
{
    struct maqet_job *job = session->job;

    if (check(change, drive, snapshots, err) < 0)
        return -1;
    maqet_job_plan(job, &maqet_kind_convert_snapshots, drive->name);
    job->journal.details = maqet_model_details(change);
    if (maqet_job_begin(job, err) < 0)
        return -1;
    return work(change, session, drive, snapshots, err) < 0 ? maqet_job_fail(job, err)
                                                            : maqet_job_done(job, err);
}

/* A drive of which nothing has to be converted. @says: so the definition says already. */
static int
say_only(const struct maqet_model_change *change, const struct maqet_drive *drive,
         bool says, struct maqet_error **err)
{
    if (!says)
        return maqet_model_write_key(change, err);
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                             change->to_overlays
                                 ? "its snapshots are overlays already"
                                 : "its snapshots are inside of its image already");
}

static bool
says_overlays(const struct maqet_drive *drive)
{
    const struct maqet_value *value =
        maqet_drive_value(drive, MAQET_OF_CORE, "snapshots");

    return value && value->text && strcmp(value->text, "overlay") == 0;
}

/* What the image really has counts, and not what the definition says. */
static int
convert_drive(struct maqet_model_change *change, const struct maqet_session *session,
              const struct maqet_drive *defined, uint64_t *count,
              struct maqet_error **err)
{
    bool says = says_overlays(defined) == change->to_overlays;
    _cleanup_plugging_ struct maqet_plugging before = {0};
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_overlays_ struct maqet_overlays *overlays =
        maqet_overlays_read(change->image, err);

    if (!overlays)
        return -1;
    bool has_overlays = overlays->count > 1;
    if (maqet_model_open(change, has_overlays, change->image, &before, err) < 0)
        return -1;
    const struct maqet_drive *drive = before.drive;
    if ((!has_overlays && drive->storage->snapshot.size == 0
             ? 0
             : maqet_drive_snapshots_read(drive, &snapshots, err)) < 0 ||
        check_kind(change, drive, err) < 0)
        return -1;
    *count = snapshots.count;
    if (has_overlays == change->to_overlays || (!has_overlays && snapshots.count == 0))
        return say_only(change, drive, says, err);
    use_known_names(session->history, drive, &snapshots);
    return convert(change, session, drive, &snapshots, err);
}

int
maqet_snapshot_convert(const struct maqet_context *context, const char *vm,
                       const char *name, bool to_overlays, uint64_t *count,
                       struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, err);
    _cleanup_model_ struct maqet_model_change change = {0};

    if (!session || check_stopped(session->machine, err) < 0)
        return -1;
    const struct maqet_drive *drive =
        maqet_relocation_find(session->machine, name, MAQET_FAULT_ENTRY, err);
    if (!drive)
        return -1;
    maqet_model_begin(&change, session->machine, drive, to_overlays);
    return convert_drive(&change, session, drive, count, err);
}

/* ---- recovery ---- */

/* When a file was last written to, in ns since 1970; 0: there is none. */
static int64_t
modified(const char *path)
{
    struct maqet_file_state state;

    return maqet_file_state_read(path, &state) && state.known ? state.modified : 0;
}

/* When somebody last wrote to what the drive had before. */
static int64_t
last_written(const struct maqet_model_change *change)
{
    _cleanup_overlays_ struct maqet_overlays *overlays =
        change->to_overlays ? NULL : maqet_overlays_read(change->image, NULL);
    int64_t last = modified(change->image);

    for (size_t i = 1; overlays && i < overlays->count; i++) {
        int64_t its = modified(overlays->nodes[i].file.file);

        last = its > last ? its : last;
    }
    return last;
}

/* The image is the one that was there in the beginning, or the new one. */
static int
check_same(const struct maqet_model_change *change, const struct maqet_job *job,
           struct maqet_error **err)
{
    struct maqet_file_id id;

    if (job->agreed || change->old.inode == 0 ||
        (maqet_file_id_of_path(change->image, &id) &&
         (maqet_file_id_is_same_file(&id, &change->old) ||
          maqet_file_id_is_same_file(&id, &change->new))))
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "drive '%s': %s is missing, or was replaced by another file since",
                    change->drive, change->image);
    maqet_error_hint(err, "Put the file back that was there, and repeat the command");
    return -1;
}

/* What was written since the interruption would be lost. */
static int
check_unwritten(const struct maqet_model_change *change, const struct maqet_job *job,
                struct maqet_error **err)
{
    const struct maqet_journal *journal = &job->journal;
    int64_t end = journal->interrupted ? journal->interrupted
                                       : journal->touched + SIGN_SLACK * SECOND;

    if (job->own || job->agreed || last_written(change) <= end)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "drive '%s': %s, or an overlay on it, was written to since",
                    change->drive, change->image);
    maqet_error_next(err, MAQET_NEXT_FINISH, change->machine->name,
                     "discards what was written since", NULL);
    return maqet_error_next(err, MAQET_NEXT_FORGET, change->machine->name, NULL);
}

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_model_ struct maqet_model_change change = {0};

    if (maqet_model_reopen(&change, job, err) < 0)
        return -1;
    if (job->journal.phase == MAQET_MODEL_BUILD) {
        if (maqet_model_undo(&change, err) < 0)
            return -1;
        maqet_job_say_nothing_left(job, "nothing is left of it");
    } else {
        /* What is written from here on is ours: this may be interrupted, too. */
        if (check_same(&change, job, err) < 0 || check_unwritten(&change, job, err) < 0)
            return -1;
        job->journal.interrupted = 0;
        if (maqet_job_phase(job, MAQET_MODEL_SWITCH, err) < 0 ||
            finish(&change, job, err) < 0)
            return -1;
        maqet_job_say(job, "it has been completed");
    }
    return maqet_job_done(job, err);
}

static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    _cleanup_model_ struct maqet_model_change change = {0};

    if (maqet_model_reopen(&change, job, err) < 0)
        return -1;
    _cleanup_free_ char *folder = maqet_overlays_folder(change.staged);
    if (!maqet_file_missing(folder))
        maqet_strings_addf(kept, "the folder %s", folder);
    if (!maqet_file_missing(change.staged))
        maqet_strings_addf(kept, "the file %s", change.staged);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_convert_snapshots = {
    .word = "convert-snapshots",
    .noun = "conversion of the snapshots of drive",
    MAQET_JOB_PHASES([MAQET_MODEL_BUILD] = {.word = "build",
                                            .finishing = "removes what was to replace "
                                                         "the snapshots of drive "
                                                         "'{name}'"},
                     [MAQET_MODEL_SWITCH] = {.word = "switch",
                                             .reverts = true,
                                             .finishing =
                                                 "completes the conversion, which "
                                                 "discards what was written to drive "
                                                 "'{name}' since"}),
    .blocks_start = true,
    .recover = recover,
    .forget = forget,
};
