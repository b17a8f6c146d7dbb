/* SPDX-License-Identifier: MIT */
#include "core/snapshot/flatten.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/json.h"
#include "core/config/saved.h"
#include "core/lifecycle/plugging_job.h"
#include "core/lifecycle/plugging.h"
#include "core/lifecycle/relocation_check.h"
#include "core/machine/bases.h"
#include "core/machine/check.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"
#include "core/snapshot/flatten_live.h"
#include "core/snapshot/session.h"
#include "core/storage/flattening.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_view.h"

void
maqet_flattened_clear(struct maqet_flattened *flattened)
{
    free(flattened->file);
    maqet_strings_clear(&flattened->bases);
}

/* One flattening, or an interrupted one. */
struct flatten {
    struct maqet_opened *machine; /* locked */
    struct maqet_plugging before; /* the drive with its bases */
    struct maqet_plugging after;  /* without */
    json_object *entry; /* as it is in the running definition, or the stored one */
    int64_t pid;        /* of the QEMU that has the drive open; 0: none */
};

static void
flatten_clear(struct flatten *flatten)
{
    maqet_plugging_clear(&flatten->before);
    maqet_plugging_clear(&flatten->after);
    json_object_put(flatten->entry);
}

#define _cleanup_flatten_ _cleanup_(flatten_clear)

static bool
is_live(const struct flatten *flatten)
{
    return flatten->pid > 0 && flatten->machine->run.pid == flatten->pid;
}

/* The drive before and after; @entry is shared. */
static int
open_drives(struct flatten *flatten, json_object *entry, struct maqet_error **err)
{
    _cleanup_json_ json_object *after = maqet_tree_copy(entry);

    maqet_flattening_change_entry(after);
    flatten->entry = json_object_get(entry);
    return maqet_plugging_open(&flatten->before, flatten->machine, entry, err) < 0
               ? -1
               : maqet_plugging_open(&flatten->after, flatten->machine, after, err);
}

/* ---- whether it can be done ---- */

/* What internal snapshots do not hold themselves, they show of the backing file. */
static int
check_snapshots(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_view_ struct maqet_view view = {0};

    if (drive->overlays && maqet_view_make(drive, 0, &view, err) < 0)
        return -1;
    const struct maqet_drive *image = view.drive ? view.drive : drive;
    if (image->storage->snapshot.size == 0)
        return 0;
    if (maqet_drive_snapshots_read(image, &snapshots, err) < 0)
        return -1;
    if (snapshots.count == 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "its image contains the snapshot '%s', which shows parts of the "
                      "backing file and would lose them",
                      snapshots.items[0]->name);
    maqet_error_next(err, MAQET_NEXT_EXPORT_SNAPSHOTS, drive->machine->vm_name,
                     drive->name, NULL);
    return maqet_error_next(err, MAQET_NEXT_DELETE_SNAPSHOT, drive->machine->vm_name,
                            drive->name, snapshots.items[0]->name, NULL);
}

/* Others that stand on the image declare all that it stands on, too. */
static int
check_needs(const struct maqet_opened *machine, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    _cleanup_free_ char *need = maqet_relocation_need(machine, drive->path);

    if (!need)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "%s has to stand on what it stands on: %s", drive->path, need);
    maqet_error_hint(err, "Flatten what stands on it first, or remove that");
    return -1;
}

static int
check_drive(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    if (!maqet_flattening_has_bases(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                                 "it has no backing file, so it stands alone already");
    if (maqet_drive_readonly(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it is read-only, so its image stays as it is");
    if (!maqet_flattening_is_possible(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "the type %s cannot merge what its images stand on",
                                 drive->storage->plugin.name);
    if (check_snapshots(drive, err) < 0 || maqet_bases_check(drive, err) < 0)
        return -1;
    return overlays && overlays->count > 1
               ? maqet_overlays_check(overlays, overlays->top, err)
               : 0;
}

/* The image, as its plugin reads it; and that nobody else uses it. */
static int
check_image(const struct flatten *flatten, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    struct maqet_opened *machine = flatten->machine;
    bool done;

    if (maqet_drive_check_fault(flatten->after.drive, MAQET_FAULT_INTERFACE, err) < 0 ||
        maqet_flattening_is_done(flatten->before.drive, flatten->after.drive, &done,
                                 err) < 0 ||
        check_needs(machine, drive, err) < 0)
        return -1;
    if (machine->run.pid > 0) {
        if (maqet_vm_drives_check_asked(machine, err) < 0)
            return -1;
    } else if (maqet_holders_check(machine->vm, drive, err) < 0 ||
               maqet_vm_check_drive(machine->vm, drive, err) < 0) {
        return -1;
    }
    return maqet_flattening_check_space(flatten->before.drive, err);
}

/* The stored definition must have the drive with the same image. */
static int
check_stored(const struct flatten *flatten, struct maqet_error **err)
{
    const struct maqet_opened *machine = flatten->machine;
    const struct maqet_drive *drive = flatten->before.drive;

    if (machine->run.pid == 0)
        return 0;
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_open(machine->context, machine->name, err);
    if (!vm)
        return -1;
    const struct maqet_drive *stored = maqet_vm_find_drive(vm, drive->name, NULL);
    if (stored && stored->path && strcmp(stored->path, drive->path) == 0)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "the stored definition %s, so it cannot say that the drive stands "
                      "alone",
                      stored ? "has another image for it" : "does not have it");
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

/* ---- what is recorded ---- */

static int
begin(const struct flatten *flatten, struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        maqet_json_object("entry", maqet_tree_save(flatten->entry), "pid",
                          json_object_new_int64(flatten->machine->run.pid), NULL);

    maqet_job_find(job, flatten->machine);
    maqet_job_plan(job, &maqet_kind_flatten, flatten->before.drive->name);
    job->journal.details = maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_job_begin(job, err);
}

static int
reopen(struct flatten *flatten, const struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, err)
            : NULL;
    json_object *saved = json_object_object_get(details, "entry");
    _cleanup_json_ json_object *entry = saved ? maqet_tree_load(saved, err) : NULL;

    if (!entry)
        return err && *err ? -1
                           : maqet_error_set(err, MAQET_ERROR_FAILED,
                                             "%s does not say which drive it was",
                                             MAQET_STORE_PENDING);
    flatten->machine = job->machine;
    flatten->pid = maqet_json_int(details, "pid");
    return open_drives(flatten, entry, err);
}

/* ---- its end ---- */

/* Whether a definition had to be changed. */
static bool
change(struct maqet_definition *definition, const char *drive)
{
    json_object *entry = maqet_entries_find(definition, drive);

    if (entry)
        maqet_flattening_change_entry(entry);
    return entry != NULL;
}

static int
commit(struct flatten *flatten, struct maqet_error **err)
{
    const struct maqet_opened *machine = flatten->machine;
    const char *name = flatten->after.drive->name;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);

    if (!stored ||
        (change(stored, name) && maqet_store_replace(machine->context, stored, err) < 0))
        return -1;
    if (!is_live(flatten))
        return 0;
    _cleanup_definition_ struct maqet_definition *running =
        maqet_opened_definition(machine, err);
    if (!running || (change(running, name) &&
                     maqet_opened_note_definition(machine, running, err) < 0))
        return -1;
    /* Recorded where all devices are, a checkpoint contains the command line with the drive as it is now. */
    return maqet_plugging_store(&flatten->after, true, err);
}

/* Its bases are not needed by it any more. */
static int
settle_record(struct flatten *flatten, struct maqet_error **err)
{
    struct maqet_vm *vm = flatten->after.vm;
    struct maqet_image_record *record =
        vm->images_error ? NULL
                         : maqet_images_find(&vm->images, flatten->after.drive->path);

    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    if (!record || record->bases.count == 0)
        return 0;
    maqet_chain_clear(&record->bases);
    vm->images_changed = true;
    return maqet_images_confirm(vm, err);
}

/* The image stores no backing file. */
static int
finish(struct flatten *flatten, struct maqet_error **err)
{
    const struct maqet_drive *drive = flatten->before.drive;

    if (is_live(flatten) &&
        maqet_flatten_live_reopen(flatten->machine, drive, true, err) < 0)
        return -1;
    return maqet_flattening_freeze(drive, err) < 0 || commit(flatten, err) < 0
               ? -1
               : settle_record(flatten, err);
}

/* ---- the course ---- */

static uint64_t
allocated(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

static int
merge(struct flatten *flatten, struct maqet_error **err)
{
    const struct maqet_drive *drive = flatten->before.drive;

    if (!is_live(flatten))
        return maqet_flattening_merge(drive, err);
    return maqet_flattening_thaw(drive, err) < 0
               ? -1
               : maqet_flatten_live_merge(flatten->machine, drive, err);
}

static int
run(struct flatten *flatten, struct maqet_flattened *flattened, struct maqet_error **err)
{
    const struct maqet_drive *drive = flatten->before.drive;
    _cleanup_job_ struct maqet_job job = {0};

    flattened->file = maqet_strdup(drive->path);
    flattened->before = allocated(drive->path);
    flattened->running = flatten->machine->run.pid > 0;
    maqet_flattening_bases(drive, &flattened->bases);
    flatten->pid = flatten->machine->run.pid;
    if (begin(flatten, &job, err) < 0)
        return -1;
    if (merge(flatten, err) < 0 || finish(flatten, err) < 0) {
        maqet_error_wrap(err, "Cannot flatten drive '%s'", drive->name);
        maqet_holders_explain(flatten->machine->vm, drive, err);
        return maqet_job_fail(&job, err);
    }
    flattened->after = allocated(drive->path);
    return maqet_job_done(&job, err);
}

int
maqet_vm_flatten(const struct maqet_context *context, const char *vm, const char *name,
                 struct maqet_flattened *flattened, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, vm, err);
    struct maqet_opened *machine = session ? session->machine : NULL;
    const struct maqet_drive *drive =
        machine ? maqet_relocation_find(machine, name, MAQET_FAULT_STORAGE, err) : NULL;
    _cleanup_flatten_ struct flatten flatten = {.machine = machine};

    if (!drive || check_drive(drive, err) < 0)
        return -1;
    json_object *entry = maqet_entries_find(machine->vm->definition, drive->name);
    return open_drives(&flatten, entry, err) < 0 || check_stored(&flatten, err) < 0 ||
                   check_image(&flatten, drive, err) < 0
               ? -1
               : run(&flatten, flattened, err);
}

/* ---- recovery ---- */

/* What was merged stays, since it changes nothing of what the drive shows. */
static int
undo(struct flatten *flatten, struct maqet_error **err)
{
    const struct maqet_drive *drive = flatten->before.drive;

    return is_live(flatten) &&
                   maqet_flatten_live_reopen(flatten->machine, drive, false, err) < 0
               ? -1
               : maqet_flattening_freeze(drive, err);
}

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_flatten_ struct flatten flatten = {0};
    bool done;

    if (reopen(&flatten, job, err) < 0 ||
        (is_live(&flatten) &&
         maqet_flatten_live_end(flatten.machine, flatten.before.drive, err) < 0) ||
        maqet_flattening_is_done(flatten.before.drive, flatten.after.drive, &done, err) <
            0)
        return -1;
    if ((done ? finish(&flatten, err) : undo(&flatten, err)) < 0)
        return -1;
    if (done)
        maqet_job_say(job, "it has been completed");
    else
        maqet_job_say_nothing_left(job, "the drive stands on its backing file as before");
    return maqet_job_done(job, err);
}

/* QEMU's copying must not go on, and a frozen image not stay open to writes. */
static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    _cleanup_flatten_ struct flatten flatten = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool done;

    if (reopen(&flatten, job, err) < 0)
        return -1;
    const struct maqet_drive *drive = flatten.before.drive;
    if (is_live(&flatten) && maqet_flatten_live_end(flatten.machine, drive, err) < 0)
        return -1;
    if (undo(&flatten, &reason) < 0)
        maqet_context_say(flatten.machine->context, MAQET_LEVEL_WARNING,
                          "VM '%s', drive '%s': %s may still be written to: %s",
                          flatten.machine->name, drive->name, drive->path,
                          reason->message);
    (void)maqet_flattening_is_done(drive, flatten.after.drive, &done, NULL);
    if (done)
        maqet_strings_addf(kept,
                           "%s, which stands alone now, although the definition names "
                           "its backing file",
                           drive->path);
    else
        maqet_strings_addf(kept, "what has been merged into %s", drive->path);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_flatten = {
    .word = "flatten",
    .noun = "flattening of drive",
    MAQET_JOB_PHASES(
        {.word = "merge",
         .finishing = "writes into the definition that the drive stands alone, if its "
                      "image does"}),
    .blocks_start = true,
    .recover = recover,
    .forget = forget,
};
