/* SPDX-License-Identifier: MIT */
#include "core/snapshot/model.h"

#include <sys/stat.h>

#include "core/base/json.h"
#include "core/lifecycle/relocation_entry.h"
#include "core/machine/entries.h"
#include "core/machine/store.h"
#include "core/snapshot/history.h"
#include "core/storage/keys.h"
#include "core/storage/overlays.h"

/* What is appended to an image's name while something new is built. */
#define STAGED_SUFFIX ".maqet-convert"

#define VALUE(member) MAQET_FIELD(struct maqet_model_change, member)

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_model_change, {"drive", VALUE(drive)},
    {"to_overlays", VALUE(to_overlays)}, {"image", VALUE(image)},
    {"staged", VALUE(staged)}, {"old_device", VALUE(old.device), .optional = true},
    {"old_inode", VALUE(old.inode), .optional = true},
    {"old_birth", VALUE(old.birth), .optional = true}, {"new_device", VALUE(new.device)},
    {"new_inode", VALUE(new.inode)}, {"new_birth", VALUE(new.birth)},
    {"root", VALUE(root), .optional = true, .sparse = true},
    {"keys", MAQET_FIELD_LIST(struct maqet_model_change, keys, key_count,
                              &maqet_history_keys_fields)});

void
maqet_model_clear(struct maqet_model_change *change)
{
    free(change->drive);
    free(change->image);
    free(change->staged);
    free(change->root);
    maqet_fields_list_free(&maqet_history_keys_fields, change->keys, change->key_count);
}

void
maqet_model_begin(struct maqet_model_change *change, struct maqet_opened *machine,
                  const struct maqet_drive *drive, bool to_overlays)
{
    change->machine = machine;
    change->drive = maqet_strdup(drive->name);
    change->to_overlays = to_overlays;
    change->image = maqet_strdup(drive->path);
    change->staged = maqet_format("%s" STAGED_SUFFIX, drive->path);
    (void)maqet_file_id_of_path(change->image, &change->old);
}

void
maqet_model_add(struct maqet_model_change *change, const struct maqet_snapshot *before,
                const struct maqet_snapshot *after)
{
    struct maqet_history_keys *keys = MAQET_APPEND(change->keys, change->key_count);

    keys->before = maqet_history_key(before);
    keys->after = maqet_history_key(after);
}

/* ---- the entry ---- */

static void
set_key(json_object *entry, bool overlays)
{
    static char folder[1] = "/";
    const struct maqet_place here = {.file = MAQET_COMMAND_LINE, .folder = folder};

    maqet_keys_set_core(entry, "snapshots", overlays ? "overlay" : "internal", here);
}

static int
error_gone(const struct maqet_model_change *change, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_MISSING,
                           "The stored definition of VM '%s' has no drive '%s' any more",
                           change->machine->name, change->drive);
}

int
maqet_model_open(const struct maqet_model_change *change, bool overlays, const char *path,
                 struct maqet_plugging *plugging, struct maqet_error **err)
{
    struct maqet_opened *machine = change->machine;
    const struct maqet_vm *vm = maqet_opened_vm(machine, err);
    const struct maqet_drive *drive =
        vm ? maqet_vm_find_drive(vm, change->drive, err) : NULL;
    _cleanup_definition_ struct maqet_definition *stored =
        drive ? maqet_store_load(machine->context, machine->name, err) : NULL;
    json_object *entry = stored ? maqet_entries_find(stored, change->drive) : NULL;

    if (!stored)
        return -1;
    if (!entry)
        return error_gone(change, err);
    _cleanup_json_ json_object *copy =
        maqet_relocation_entry(drive, entry, NULL, path, NULL, err);
    if (!copy)
        return -1;
    set_key(copy, overlays);
    return maqet_plugging_open(plugging, machine, copy, err) < 0
               ? -1
               : maqet_drive_check_fault(plugging->drive, MAQET_FAULT_STORAGE, err);
}

int
maqet_model_write_key(const struct maqet_model_change *change, struct maqet_error **err)
{
    const struct maqet_opened *machine = change->machine;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);
    json_object *entry = stored ? maqet_entries_find(stored, change->drive) : NULL;

    if (!stored)
        return -1;
    if (!entry)
        return error_gone(change, err);
    set_key(entry, change->to_overlays);
    return maqet_store_replace(machine->context, stored, err);
}

/* ---- the job ---- */

char *
maqet_model_details(const struct maqet_model_change *change)
{
    _cleanup_json_ json_object *details = maqet_fields_to_json(&fields, change);

    return maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int
maqet_model_note(const struct maqet_model_change *change, struct maqet_job *job,
                 size_t phase, struct maqet_error **err)
{
    free(job->journal.details);
    job->journal.details = maqet_model_details(change);
    return maqet_job_phase(job, phase, err);
}

int
maqet_model_reopen(struct maqet_model_change *change, const struct maqet_job *job,
                   struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, err)
            : NULL;

    if (!details || maqet_fields_from_json(&fields, details, change, NULL) < 0)
        return err && *err ? -1
                           : maqet_error_set(err, MAQET_ERROR_FAILED,
                                             "%s does not say which drive it was",
                                             MAQET_STORE_PENDING);
    change->machine = job->machine;
    return 0;
}

/* ---- its end ---- */

/* The new image. It is empty if it was not recorded which file it is. */
static int
remove_image(const struct maqet_model_change *change, struct maqet_error **err)
{
    struct maqet_file_id id;
    struct stat status;

    if (lstat(change->staged, &status) < 0 || !S_ISREG(status.st_mode) ||
        !maqet_file_id_of_path(change->staged, &id) ||
        (status.st_size > 0 && !maqet_file_id_same(&id, &change->new, false)))
        return 0;
    return maqet_file_remove(change->staged, err);
}

int
maqet_model_undo(const struct maqet_model_change *change, struct maqet_error **err)
{
    return maqet_overlays_remove(change->staged, err) < 0 ? -1
                                                          : remove_image(change, err);
}
