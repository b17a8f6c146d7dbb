/* SPDX-License-Identifier: MIT */
#include "core/backup/restoring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/base/replacement.h"
#include "core/config/parse.h"
#include "core/config/tree.h"
#include "core/machine/entries.h"
#include "core/machine/generation.h"
#include "core/machine/images.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/entry.h"
#include "core/storage/keys.h"

static const struct maqet_fields drive_fields = MAQET_FIELDS_OF(
    struct maqet_restoring_drive,
    {"name", MAQET_FIELD(struct maqet_restoring_drive, name)},
    {"image", MAQET_FIELD(struct maqet_restoring_drive, image)},
    {"staged", MAQET_FIELD(struct maqet_restoring_drive, staged)},
    {"kept", MAQET_FIELD(struct maqet_restoring_drive, kept), .optional = true},
    {"size", MAQET_FIELD(struct maqet_restoring_drive, size)},
    {"ours", MAQET_FIELD(struct maqet_restoring_drive, ours)},
    {"device", MAQET_FIELD(struct maqet_restoring_drive, id.device)},
    {"inode", MAQET_FIELD(struct maqet_restoring_drive, id.inode)},
    {"birth", MAQET_FIELD(struct maqet_restoring_drive, id.birth)});

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_restoring,
    {"drives", MAQET_FIELD_LIST(struct maqet_restoring, drives, count, &drive_fields)});

void
maqet_restoring_clear(struct maqet_restoring *restoring)
{
    maqet_fields_clear(&fields, restoring);
}

void
maqet_restoring_note(const struct maqet_restoring *restoring, struct maqet_job *job)
{
    _cleanup_json_ json_object *json = maqet_fields_to_json(&fields, restoring);

    free(job->journal.details);
    job->journal.details = maqet_strdup(json_object_to_json_string_ext(
        json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int
read_details(const struct maqet_job *job, struct maqet_restoring *restoring,
             struct maqet_error **err)
{
    const char *details = job->journal.details;
    _cleanup_json_ json_object *json =
        details ? maqet_json_parse(details, MAQET_STORE_PENDING, err) : NULL;

    if (json && maqet_fields_from_json(&fields, json, restoring, NULL) == 0)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_FAILED, "%s does not say what was restored",
                           MAQET_STORE_PENDING);
}

/* ---- the new image ---- */

struct maqet_drive *
maqet_restoring_target(const struct maqet_drive *drive, const char *staged,
                       struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    struct maqet_place place = maqet_tree_place(drive->tree);
    _cleanup_json_ json_object *entry = maqet_tree_copy(drive->tree);
    json_object *with_path = maqet_keys_container(entry, plugin->path_option);
    json_object *with_size =
        plugin->size_option ? maqet_keys_container(entry, plugin->size_option) : NULL;

    maqet_tree_set(with_path ? with_path : entry, plugin->path_option,
                   json_object_new_string(staged), place, place);
    /* It is as large as it was. */
    if (with_size)
        json_object_object_del(with_size, plugin->size_option);
    struct maqet_drive *target =
        maqet_drive_new(drive->context, drive->machine, entry, err);
    if (target)
        target->mode = drive->mode;
    return target;
}

/* ---- replacing ---- */

static int
sync_folder_of(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", folder)
                  : maqet_dir_sync(fd, folder, err);
}

/* Gives the image its other name, besides its own if the file system can do that: so there is
 * an image at any time. */
static int
keep(const struct maqet_restoring_drive *drive, struct maqet_error **err)
{
    if (!drive->kept || maqet_file_missing(drive->image) ||
        maqet_file_is_same(drive->image, drive->kept) ||
        link(drive->image, drive->kept) == 0)
        return 0;
    if (errno != EEXIST && rename(drive->image, drive->kept) == 0)
        return 0;
    return maqet_error_errno(err, errno, "Cannot rename %s to %s", drive->image,
                             drive->kept);
}

/* The new image belongs to whom the old one belongs to, as far as we may. */
static void
take_over_owner(const struct maqet_restoring_drive *drive)
{
    struct stat status;

    if (stat(drive->image, &status) < 0)
        return;
    if (lchown(drive->staged, status.st_uid, status.st_gid) < 0)
        return;
    (void)chmod(drive->staged, status.st_mode & 07777);
}

/* Where no image was, one that has appeared since is not replaced: nothing would be left of it. */
static int
publish(const struct maqet_restoring_drive *drive)
{
    if (drive->kept)
        return rename(drive->staged, drive->image);
    return maqet_file_publish(AT_FDCWD, drive->staged, drive->image) ? 0 : -1;
}

static int
replace(const struct maqet_restoring_drive *drive, struct maqet_error **err)
{
    struct maqet_file_id id;

    if (maqet_file_missing(drive->staged))
        return 0; /* it was done before */
    if (!maqet_file_id_of_path(drive->staged, &id) ||
        !maqet_file_id_is_same_file(&id, &drive->id)) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "%s is not the file that was written for the drive '%s'",
                        drive->staged, drive->name);
        return -1;
    }
    take_over_owner(drive);
    if (keep(drive, err) < 0)
        return -1;
    if (publish(drive) < 0) {
        int number = errno;

        maqet_error_errno(err, number, "Cannot rename %s to %s", drive->staged,
                          drive->image);
        if (number == EEXIST)
            maqet_error_hint(err, "It appeared while the drive was restored, and is not "
                                  "replaced: move it elsewhere");
        return -1;
    }
    return sync_folder_of(drive->image, err);
}

/* Writes the size of a restored drive into the definition, if that has one. True: it has
 * changed. */
static bool
set_size(struct maqet_definition *definition, const char *option,
         const struct maqet_restoring_drive *drive)
{
    json_object *entry = maqet_entries_find(definition, drive->name);
    json_object *container = entry && option ? maqet_keys_container(entry, option) : NULL;
    uint64_t before;

    if (!container || (maqet_parse_size(maqet_tree_text(container, option), &before) &&
                       before == drive->size))
        return false;
    _cleanup_free_ char *size = maqet_text_size(drive->size);
    maqet_tree_set(container, option, json_object_new_string(size),
                   maqet_tree_place_of_key(container, option),
                   maqet_tree_place_of_value(container, option));
    return true;
}

static int
store_sizes(const struct maqet_restoring *restoring, const struct maqet_opened *machine,
            struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(machine->context, machine->name, err);
    bool changed = false;

    if (!definition)
        return -1;
    for (size_t i = 0; i < restoring->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(machine->vm, restoring->drives[i].name, NULL);

        if (drive)
            changed |= set_size(definition, drive->storage->plugin.size_option,
                                &restoring->drives[i]);
    }
    return changed ? maqet_store_replace(machine->context, definition, err) : 0;
}

int
maqet_restoring_replace(const struct maqet_restoring *restoring,
                        struct maqet_opened *machine, struct maqet_error **err)
{
    struct maqet_vm *vm = maqet_opened_vm(machine, err);

    /* Its guest goes back in time. */
    if (vm && maqet_generation_renew(machine->context, machine->name, err) < 0)
        return -1;

    if (!vm)
        return -1;
    for (size_t i = 0; i < restoring->count; i++) {
        const struct maqet_restoring_drive *drive = &restoring->drives[i];
        const struct maqet_drive *its = maqet_vm_find_drive(vm, drive->name, NULL);

        if (replace(drive, err) < 0 ||
            (its && drive->ours &&
             maqet_images_note_created(vm, its, &drive->id, err) < 0))
            return -1;
    }
    return store_sizes(restoring, machine, err);
}

/* ---- recovery ---- */

/* Removes the new images, which are useless. */
static int
remove_staged(const struct maqet_restoring *restoring, const struct maqet_vm *vm,
              struct maqet_error **err)
{
    for (size_t i = 0; i < restoring->count; i++) {
        const struct maqet_restoring_drive *drive = &restoring->drives[i];
        const struct maqet_drive *its = maqet_vm_find_drive(vm, drive->name, NULL);
        struct maqet_drive *target =
            its ? maqet_restoring_target(its, drive->staged, NULL) : NULL;
        struct maqet_file_id id;

        if (target)
            maqet_image_sweep(target);
        maqet_drive_free(target);
        if (maqet_file_id_of_path(drive->staged, &id) &&
            maqet_file_id_is_same_file(&id, &drive->id) &&
            maqet_file_remove(drive->staged, err) < 0)
            return -1;
    }
    return 0;
}

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_restoring_ struct maqet_restoring restoring = {0};
    const struct maqet_vm *vm = maqet_opened_vm(job->machine, err);

    if (!vm || read_details(job, &restoring, err) < 0)
        return -1;
    if (job->journal.phase == MAQET_RESTORING_WRITE) {
        if (remove_staged(&restoring, vm, err) < 0)
            return -1;
        maqet_job_say_nothing_left(job, "the drives are as they were");
        return maqet_job_done(job, err);
    }
    if (maqet_restoring_replace(&restoring, job->machine, err) < 0)
        return -1;
    maqet_job_say(job, "it has been completed");
    return maqet_job_done(job, err);
}

static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    _cleanup_restoring_ struct maqet_restoring restoring = {0};

    (void)err;
    if (read_details(job, &restoring, NULL) < 0)
        return 0;
    for (size_t i = 0; i < restoring.count; i++)
        if (!maqet_file_missing(restoring.drives[i].staged))
            maqet_strings_addf(kept, "the restored image %s of drive '%s'",
                               restoring.drives[i].staged, restoring.drives[i].name);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_restore = {
    .word = "restore",
    .noun = "restoring of backup",
    .blocks_start = true,
    MAQET_JOB_PHASES({.word = "write", .finishing = "removes the new images"},
                     {.word = "replace",
                      .finishing = "replaces the images by those of backup {name}; the "
                                   "former ones are kept"}),
    .recover = recover,
    .forget = forget,
};
