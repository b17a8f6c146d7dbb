/* SPDX-License-Identifier: MIT */
#include "core/backup/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backup/chain.h"
#include "core/backup/place.h"
#include "core/backup/restoring.h"
#include "core/backup/verify.h"
#include "core/job/recover.h"
#include "core/machine/bases.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/holders.h"
#include "core/machine/store.h"
#include "core/storage/copy.h"
#include "core/storage/entry.h"
#include "core/storage/flattening.h"
#include "core/storage/overlays.h"

void
maqet_restored_clear(struct maqet_restored *restored)
{
    for (size_t i = 0; i < restored->count; i++) {
        free(restored->drives[i].vm);
        free(restored->drives[i].id);
        free(restored->drives[i].name);
        free(restored->drives[i].image);
        free(restored->drives[i].kept);
    }
    free(restored->drives);
    free(restored->vm);
    free(restored->id);
    *restored = (struct maqet_restored){0};
}

void
maqet_restore_source_clear(struct maqet_restore_source *source)
{
    maqet_catalog_clear(&source->catalog);
    maqet_strings_clear(&source->drives);
}

/* ---- the choice ---- */

/* Adds which backups can be restored, as a quick look tells. */
static void
hint_at_others(const struct maqet_catalog *catalog, const struct maqet_backup_entry * not,
               struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < catalog->count; i++) {
        _cleanup_strings_ struct maqet_strings faults = MAQET_STRINGS_INIT;
        const struct maqet_backup_entry *entry = &catalog->items[i];

        if (entry == not || entry->going)
            continue;
        maqet_catalog_faults(catalog, entry, &faults);
        if (faults.count == 0)
            maqet_strings_add(&ids, entry->id);
    }
    _cleanup_free_ char *list = maqet_strings_list(&ids);
    maqet_error_hint(err, "Others that are complete: %s", list);
}

static const struct maqet_backup_entry *
choose_entry(const struct maqet_catalog *catalog, const char *id,
             struct maqet_error **err)
{
    if (id)
        return maqet_catalog_get(catalog, id, err);
    for (size_t i = catalog->count; i-- > 0;)
        if (!catalog->items[i].going)
            return &catalog->items[i];
    maqet_error_set(err, MAQET_ERROR_MISSING, "There are no backups of VM '%s' in %s",
                    catalog->vm, catalog->folder);
    return NULL;
}

static int
choose_drives(const struct maqet_backup_restore *how, struct maqet_restore_source *source,
              struct maqet_error **err)
{
    const struct maqet_backup *backup = &source->entry->backup;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < backup->drive_count; i++)
        maqet_strings_add(&names, backup->drives[i].name);
    if (!how->drives || how->drives->count == 0) {
        maqet_strings_add_all(&source->drives, &names);
        return 0;
    }
    for (size_t i = 0; i < how->drives->count; i++) {
        const char *name = how->drives->items[i];

        if (!maqet_strings_has(&names, name)) {
            maqet_error_set(err, MAQET_ERROR_MISSING,
                            "The backup %s of VM '%s' has no drive '%s'", backup->id,
                            how->vm, name);
            maqet_error_hint_names(err, name, &names);
            return -1;
        }
        if (!maqet_strings_has(&source->drives, name))
            maqet_strings_add(&source->drives, name);
    }
    return 0;
}

/* MAQET_ERROR_STATE, with all that is wrong. */
static int
error_damaged(const struct maqet_restore_source *source,
              const struct maqet_strings *faults, struct maqet_error **err)
{
    _cleanup_free_ char *list = maqet_strings_join(faults, "; ");

    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The backup %s of VM '%s' cannot be restored: %s", source->entry->id,
                    source->catalog.vm, list);
    hint_at_others(&source->catalog, source->entry, err);
    return -1;
}

int
maqet_restore_choose(const struct maqet_context *context,
                     const struct maqet_backup_restore *how,
                     struct maqet_restore_source *source, struct maqet_error **err)
{
    const struct maqet_backup_verify what = {.checksums = !how->trust};
    _cleanup_verified_ struct maqet_verified verified = {0};
    _cleanup_strings_ struct maqet_strings faults = MAQET_STRINGS_INIT;

    if (maqet_catalog_read(how->folder, how->vm, &source->catalog, err) < 0)
        return -1;
    source->entry = choose_entry(&source->catalog, how->id, err);
    if (!source->entry)
        return -1;
    maqet_backup_place_warn(context, how->folder, how->vm);
    if (source->entry->fault) {
        maqet_strings_add(&faults, source->entry->fault->message);
        return error_damaged(source, &faults, err);
    }
    if (choose_drives(how, source, err) < 0 ||
        maqet_backup_verify(context, &source->catalog, source->entry, &source->drives,
                            &what, &verified, &faults, err) < 0)
        return -1;
    return faults.count > 0 ? error_damaged(source, &faults, err) : 0;
}

/* ---- one drive ---- */

/* What the images of a chain look like from outside: a text that changes when one of them does.
 * The caller frees. */
static char *
mark_of(const struct maqet_backup_links *links)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < links->count; i++) {
        _cleanup_free_ char *mark = maqet_file_mark(links->items[i].path);

        maqet_text_appendf(&text, "%s\n", mark ? mark : "");
    }
    return maqet_text_take(&text);
}

int
maqet_restore_drive(const struct maqet_context *context,
                    const struct maqet_restore_source *source, const char *name,
                    const struct maqet_drive *target,
                    const struct maqet_image_recorder *recorder, struct maqet_error **err)
{
    const struct maqet_catalog *catalog = &source->catalog;
    const struct maqet_backup_drive *drive =
        maqet_backup_drive(&source->entry->backup, name);
    _cleanup_backup_links_ struct maqet_backup_links links = {0};
    _cleanup_backup_chain_ struct maqet_backup_chain chain = {0};

    if (maqet_catalog_links(catalog, source->entry, drive, &links, err) < 0)
        return -1;
    _cleanup_free_ char *before = mark_of(&links);
    if (maqet_backup_chain_open(context, catalog->vm, &links, &chain, err) < 0)
        return -1;
    struct maqet_copy copy = {.from = {.of = MAQET_COPY_DRIVE, .drive = chain.drive},
                              .to = target,
                              .recorder = recorder};
    if (maqet_copy(&copy, err) < 0)
        return -1;
    /* Backups that are deleted meanwhile may be merged with one another. */
    _cleanup_free_ char *after = mark_of(&links);
    return strcmp(before, after) == 0
               ? 0
               : maqet_error_set(err, MAQET_ERROR_STATE,
                                 "The backup %s of VM '%s' was changed while its drive "
                                 "'%s' was read",
                                 source->entry->id, catalog->vm, name);
}

/* ---- whether the images of a VM may be replaced ---- */

struct restoration {
    const struct maqet_context *context;
    const struct maqet_restore_source *source;
    struct maqet_opened *machine;
    struct maqet_job *job;
    struct maqet_restoring restoring;
    size_t current; /* the drive that is being written */
};

static int
hint_at_new(struct maqet_error **err)
{
    return maqet_error_next(err, MAQET_NEXT_RESTORE_AS_NEW, NULL);
}

/* Its snapshots are in the image, or beside it. */
static int
check_snapshots(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_snapshots snapshots = {0};
    int result = 0;

    if (maqet_file_missing(drive->path) && !drive->overlays)
        return 0;
    if (maqet_drive_has_snapshots(drive))
        result = maqet_drive_snapshots_read(drive, &snapshots, err);
    if (result < 0)
        maqet_error_hint(err,
                         "If %s cannot be read any more, move it elsewhere: then it is "
                         "restored as a missing one",
                         drive->path);
    else if (snapshots.count > 0)
        result = maqet_drive_error(
            drive, NULL, err, MAQET_ERROR_STATE,
            "it has snapshots ('%s'%s), which belong to the present image and would not "
            "be those of the restored one",
            snapshots.items[0]->name, snapshots.count > 1 ? " and more" : "");
    maqet_snapshots_clear(&snapshots);
    return result < 0 ? hint_at_new(err) : 0;
}

static int
check_checkpoints(const struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_state_file_list(machine->context, machine->name, ".json", &names, err) < 0)
        return -1;
    if (names.count == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' has checkpoints, which belong to its present images: '%s'%s",
                    machine->name, names.items[0], names.count > 1 ? " and more" : "");
    return hint_at_new(err);
}

static int
check_drive(const struct maqet_opened *machine, const struct maqet_drive *drive,
            struct maqet_error **err)
{
    struct stat status;

    if (maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    if (!drive->storage->plugin.path_option || !drive->path)
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "its storage is not a file, so it cannot be replaced by a "
                          "restored one");
    else if (maqet_drive_readonly(drive))
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE, "it is read-only");
    else if (drive->overlays && drive->overlays->count > 1)
        maqet_drive_error(
            drive, NULL, err, MAQET_ERROR_STATE,
            "its state is in overlays, which stand on the present image and "
            "would not fit the restored one");
    else if (maqet_flattening_has_bases(drive))
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                          "its definition names a backing file, and what is restored is "
                          "complete in itself");
    else if (stat(drive->path, &status) == 0 && !S_ISREG(status.st_mode))
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "%s is not a regular file, so it cannot be replaced by a "
                          "restored one",
                          drive->path);
    else
        return maqet_holders_check(machine->vm, drive, err) < 0 ||
                       maqet_bases_check_unused(drive, err) < 0
                   ? -1
                   : check_snapshots(drive, err);
    return hint_at_new(err);
}

/* ---- names ---- */

/* A name that no file has. The caller frees; NULL: an error. */
static char *
free_name(const char *image, struct maqet_error **err)
{
    for (unsigned i = 1;; i++) {
        _cleanup_free_ char *number = i > 1 ? maqet_format("-%u", i) : maqet_strdup("");
        char *name = maqet_format("%s.before-restore%s", image, number);
        struct stat status;

        if (lstat(name, &status) < 0) {
            if (errno == ENOENT)
                return name;
            maqet_error_errno(err, errno, "Cannot keep %s as %s", image, name);
            free(name);
            return NULL;
        }
        free(name);
    }
}

static int
plan_drive(struct restoration *restoration, const struct maqet_drive *drive,
           struct maqet_error **err)
{
    struct maqet_restoring *restoring = &restoration->restoring;
    struct maqet_restoring_drive *planned =
        MAQET_APPEND(restoring->drives, restoring->count);
    char *real = realpath(drive->path, NULL);
    _cleanup_free_ char *folder = NULL;

    planned->name = maqet_strdup(drive->name);
    planned->image = real ? real : maqet_strdup(drive->path);
    folder = maqet_path_folder(planned->image);
    planned->staged =
        maqet_format("%s/.%s.maqet-restored", folder, strrchr(planned->image, '/') + 1);
    planned->kept = real ? free_name(planned->image, err) : NULL;
    planned->ours = !real || (drive->record && drive->record->created);
    planned->size = maqet_backup_drive(&restoration->source->entry->backup, drive->name)
                        ->virtual_size;
    return real && !planned->kept ? -1 : 0;
}

static int
plan(struct restoration *restoration, struct maqet_error **err)
{
    const struct maqet_strings *names = &restoration->source->drives;
    const struct maqet_vm *vm = maqet_opened_vm(restoration->machine, err);

    if (!vm)
        return -1;
    for (size_t i = 0; i < names->count; i++) {
        const struct maqet_drive *drive = maqet_vm_find_drive(vm, names->items[i], err);

        if (!drive || check_drive(restoration->machine, drive, err) < 0 ||
            plan_drive(restoration, drive, err) < 0)
            return -1;
    }
    return check_checkpoints(restoration->machine, err);
}

/* ---- the work ---- */

/* Records which file the new image is. */
static int
record(void *data, const struct maqet_drive *drive, const char *file,
       const struct maqet_file_id *id, struct maqet_error **err)
{
    struct restoration *restoration = data;

    (void)drive;
    (void)file;
    restoration->restoring.drives[restoration->current].id = *id;
    maqet_restoring_note(&restoration->restoring, restoration->job);
    return maqet_job_phase(restoration->job, MAQET_RESTORING_WRITE, err);
}

/* What an earlier, forgotten restoration has left under that name is not ours to remove. */
static int
check_staged(const char *staged, struct maqet_error **err)
{
    if (maqet_file_missing(staged))
        return 0;
    maqet_error_set(err, MAQET_ERROR_EXISTS,
                    "%s exists, which was left by an interrupted restoring", staged);
    maqet_error_hint(err, "Move it elsewhere");
    return -1;
}

static int
write_all(struct restoration *restoration, struct maqet_error **err)
{
    const struct maqet_vm *vm = restoration->machine->vm;
    const struct maqet_image_recorder recorder = {.record = record, .data = restoration};

    for (size_t i = 0; i < restoration->restoring.count; i++) {
        const struct maqet_restoring_drive *planned = &restoration->restoring.drives[i];
        const struct maqet_drive *drive = maqet_vm_find_drive(vm, planned->name, err);
        struct maqet_drive *target =
            drive ? maqet_restoring_target(drive, planned->staged, err) : NULL;

        if (!target)
            return -1;
        restoration->current = i;
        int result = check_staged(planned->staged, err) < 0
                         ? -1
                         : maqet_restore_drive(restoration->context, restoration->source,
                                               planned->name, target, &recorder, err);
        maqet_drive_free(target);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int
work(struct restoration *restoration, struct maqet_error **err)
{
    struct maqet_job *job = restoration->job;

    maqet_job_find(job, restoration->machine);
    maqet_job_plan(job, &maqet_kind_restore, restoration->source->entry->id);
    maqet_restoring_note(&restoration->restoring, job);
    if (maqet_job_begin(job, err) < 0)
        return -1;
    if (write_all(restoration, err) < 0 ||
        maqet_job_phase(job, MAQET_RESTORING_REPLACE, err) < 0 ||
        maqet_restoring_replace(&restoration->restoring, restoration->machine, err) < 0)
        return maqet_job_fail(job, err);
    return maqet_job_done(job, err);
}

static void
tell(const struct restoration *restoration, struct maqet_restored *restored)
{
    const char *vm = restoration->machine->name, *id = restoration->source->entry->id;

    restored->vm = maqet_strdup(vm);
    restored->id = maqet_strdup(id);
    for (size_t i = 0; i < restoration->restoring.count; i++) {
        const struct maqet_restoring_drive *drive = &restoration->restoring.drives[i];

        *MAQET_APPEND(restored->drives, restored->count) =
            (struct maqet_restored_drive){.vm = maqet_strdup(vm),
                                          .id = maqet_strdup(id),
                                          .name = maqet_strdup(drive->name),
                                          .image = maqet_strdup(drive->image),
                                          .kept = maqet_strdup(drive->kept),
                                          .size = drive->size};
    }
}

static void
say_other(const struct restoration *restoration)
{
    const struct maqet_backup *backup = &restoration->source->entry->backup;

    if (strcasecmp(backup->uuid, restoration->machine->vm->definition->uuid) != 0)
        maqet_context_say(restoration->context, MAQET_LEVEL_WARNING,
                          "The backup %s is of a VM '%s' with another UUID", backup->id,
                          backup->vm);
}

int
maqet_backup_restore(const struct maqet_context *context,
                     const struct maqet_backup_restore *how, const char *name_or_uuid,
                     struct maqet_restored *restored, struct maqet_error **err)
{
    _cleanup_restore_source_ struct maqet_restore_source source = {0};
    _cleanup_opened_ struct maqet_opened *machine = NULL;
    _cleanup_job_ struct maqet_job job = {0};
    struct restoration restoration = {.context = context, .source = &source, .job = &job};

    machine = maqet_open(context, name_or_uuid,
                         MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
    if (!machine)
        return -1;
    if (machine->run.pid > 0) {
        maqet_opened_error_running(machine, false, err);
        maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
        return hint_at_new(err);
    }
    restoration.machine = machine;
    int result = maqet_restore_choose(context, how, &source, err);
    if (result == 0)
        result = plan(&restoration, err);
    if (result == 0) {
        say_other(&restoration);
        result = work(&restoration, err);
    }
    if (result == 0)
        tell(&restoration, restored);
    maqet_restoring_clear(&restoration.restoring);
    return result;
}
