/* SPDX-License-Identifier: MIT */
#include "core/machine/ended.h"

#include <string.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/folder.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/callback.h"
#include "core/storage/folder.h"

/* ---- the record ---- */

/* The file has these members, and "start": the definition. */
struct ended {
    struct maqet_strings drives; /* for which something is due */
    /* Where the record was written: a copy of it concerns another machine. */
    char *host;
    char *data_dir;
    struct maqet_file_id folder; /* of the machine */
};

static const struct maqet_fields ended_fields =
    MAQET_FIELDS_OF(struct ended, {"drives", MAQET_FIELD(struct ended, drives)},
                    {"host", MAQET_FIELD(struct ended, host), .optional = true},
                    {"data_dir", MAQET_FIELD(struct ended, data_dir)},
                    {"inode", MAQET_FIELD(struct ended, folder.inode), .optional = true},
                    {"birth", MAQET_FIELD(struct ended, folder.birth), .optional = true});

static void
ended_clear(struct ended *ended)
{
    maqet_fields_clear(&ended_fields, ended);
}

#define _cleanup_ended_ _cleanup_(ended_clear)

static char *
path_of(const struct maqet_context *context, const char *name)
{
    return maqet_store_file(context, name, MAQET_STORE_ENDED);
}

static bool
find_folder(const char *data_dir, const char *name, struct maqet_file_id *id)
{
    _cleanup_free_ char *folder = maqet_format("%s/vms/%s", data_dir, name);

    return maqet_file_id_of_path(folder, id);
}

/* Takes the definition. An empty list is no file. It is on the disk before what it records is made. */
static int
save(const struct maqet_context *context, const char *name, const struct ended *ended,
     json_object *definition, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, name);
    _cleanup_json_ json_object *file = maqet_fields_to_json(&ended_fields, ended);

    json_object_object_add(file, "start", definition);
    return ended->drives.count > 0 ? maqet_json_write_at_once(path, file, err)
                                   : maqet_file_remove(path, err);
}

/* *start gets the definition, NULL: nothing is recorded; the caller puts it. */
static int
load(const struct maqet_context *context, const char *name, struct ended *ended,
     json_object **start, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *path = path_of(context, name);

    *start = NULL;
    if (maqet_file_missing(path))
        return 0;
    _cleanup_json_ json_object *file = maqet_json_read(path, &reason);
    if (!file)
        return maqet_error_move(err, TAKE_PTR(reason));
    json_object *definition = json_object_object_get(file, "start");
    if (definition && maqet_fields_from_json(&ended_fields, file, ended, &reason) == 0) {
        *start = json_object_get(definition);
        return 0;
    }
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later version of maqet: %s", path,
                    reason ? reason->message : "'start' is missing");
    maqet_error_hint(err,
                     "To continue without it, move it away: the plugins of the drives "
                     "are then not told that the VM has ended");
    return -1;
}

/* ---- before the start ---- */

/* If the guest sees another image, the storage of the drive is not used. */
static bool
is_concerned(const struct maqet_drive *drive)
{
    return !drive->shown &&
           (drive->storage->plugin.ended ||
            drive->storage->plugin.creation == MAQET_CREATION_EACH_START);
}

int
maqet_ended_note(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *name = vm->definition->name;
    _cleanup_ended_ struct ended ended = {
        .drives = MAQET_STRINGS_INIT,
        .host = maqet_owner_host(),
        .data_dir = maqet_owner_data_dir(vm->context),
    };

    for (size_t i = 0; i < vm->drive_count; i++)
        if (is_concerned(vm->drives[i]))
            maqet_strings_add(&ended.drives, vm->drives[i]->name);
    if (ended.drives.count == 0)
        return 0;
    find_folder(ended.data_dir, name, &ended.folder);
    return save(vm->context, name, &ended, maqet_definition_to_json(vm->definition), err);
}

/* ---- after the end ---- */

/* Whether the record was copied with the data folder: then the machine that has ended, or
 * runs, is the original. A data folder that was moved is not a copy. */
static bool
is_copy(const struct maqet_context *context, const char *name, const struct ended *ended)
{
    _cleanup_free_ char *host = maqet_owner_host();
    struct maqet_file_id here, there;

    if (ended->host && *ended->host && *host && strcmp(ended->host, host) != 0)
        return true;
    return find_folder(context->data_dir, name, &here) &&
           !maqet_file_id_is_same_file(&here, &ended->folder) &&
           find_folder(ended->data_dir, name, &there) &&
           maqet_file_id_is_same_file(&there, &ended->folder);
}

static int
settle_drive(const struct maqet_drive *drive, bool copy, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    if (maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0 ||
        (plugin->ended && !copy &&
         MAQET_STORAGE_CALL(err, drive, MAQET_CALL_SERVICE, ended) < 0))
        return -1;
    return plugin->creation == MAQET_CREATION_EACH_START
               ? maqet_drive_folder_empty(drive, err)
               : 0;
}

/* Removes a name from the list. */
static void
drop(struct maqet_strings *names, const char *name)
{
    struct maqet_strings kept = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) != 0)
            maqet_strings_add(&kept, names->items[i]);
    maqet_strings_clear(names);
    *names = kept;
}

/* Settles one drive after the other. A drive is recorded as settled before the next one
 * is, so that no plugin is told twice. */
static int
settle_all(const struct maqet_vm *vm, struct ended *ended, json_object *start,
           struct maqet_error **err)
{
    const char *name = vm->definition->name;
    bool copy = is_copy(vm->context, name, ended);
    _cleanup_strings_ struct maqet_strings due = MAQET_STRINGS_INIT;
    int result = 0;

    maqet_strings_add_all(&due, &ended->drives);
    for (size_t i = 0; i < due.count && result == 0; i++) {
        const struct maqet_drive *drive = maqet_vm_find_drive(vm, due.items[i], NULL);
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (drive && settle_drive(drive, copy, &reason) < 0) {
            maqet_error_wrap(
                &reason, "VM '%s' has ended, but its drive '%s' could not be cleaned up",
                name, drive->name);
            if (err && !*err)
                *err = TAKE_PTR(reason);
            continue;
        }
        drop(&ended->drives, due.items[i]);
        result = save(vm->context, name, ended, json_object_get(start), err);
    }
    return ended->drives.count > 0 ? -1 : result;
}

/* ---- what the definition has ---- */

/* Adds the names of the folders of all drives in a definition, whether they exist or not.
 */
static void
list_folders(const struct maqet_definition *definition, struct maqet_strings *folders)
{
    _cleanup_json_ json_object *list = maqet_definition_entries(definition);

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);

        if (json_object_is_type(entry, json_type_object) &&
            maqet_tree_text(entry, "name"))
            maqet_strings_take(folders,
                               maqet_drive_folder_name(maqet_tree_text(entry, "name"),
                                                       maqet_tree_text(entry, "type")));
    }
}

bool
maqet_ended_concerns(const struct maqet_context *context, const char *name,
                     const struct maqet_definition *definition)
{
    _cleanup_ended_ struct ended ended = {0};
    _cleanup_json_ json_object *start = NULL;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_free_ char *path = path_of(context, name);

    if (load(context, name, &ended, &start, NULL) < 0)
        return true;
    _cleanup_definition_ struct maqet_definition *before =
        start ? maqet_definition_from_json(start, path, name, NULL) : NULL;
    if (!before)
        return start;
    list_folders(definition, &now);
    list_folders(before, &then);
    for (size_t i = 0; i < then.count; i++) {
        const char *end = strchr(then.items[i], MAQET_DRIVE_FOLDER_SEPARATOR);
        _cleanup_free_ char *drive =
            maqet_strndup(then.items[i], (size_t)(end - then.items[i]));

        if (maqet_strings_has(&ended.drives, drive) &&
            maqet_strings_has(&now, then.items[i]))
            return true;
    }
    return false;
}

int
maqet_ended_forget(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, name);

    return maqet_file_remove(path, err);
}

int
maqet_ended_prune(const struct maqet_context *context, const char *name,
                  const struct maqet_definition *definition, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    _cleanup_free_ char *path = path_of(context, name);
    _cleanup_free_ char *folder = maqet_store_file(context, name, ".");

    if (!maqet_file_missing(path))
        return 0;
    list_folders(definition, &kept);
    return maqet_folder_remove_drives(folder, &kept, err);
}

/* ---- all of it ---- */

/* Loads the record, and the machine as it was started; NULL and no error: nothing is
 * recorded. */
static struct maqet_vm *
load_vm(const struct maqet_context *context, const char *name, struct ended *ended,
        json_object **start, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, name);

    if (load(context, name, ended, start, err) < 0 || !*start)
        return NULL;
    struct maqet_definition *definition =
        maqet_definition_from_json(*start, path, name, err);
    return definition ? maqet_vm_look(context, definition) : NULL;
}

int
maqet_ended_settle_drive(const struct maqet_context *context, const char *name,
                         const char *drive, struct maqet_error **err)
{
    _cleanup_ended_ struct ended ended = {0};
    _cleanup_json_ json_object *start = NULL;
    struct maqet_error *reason = NULL;
    _cleanup_vm_ struct maqet_vm *vm = load_vm(context, name, &ended, &start, &reason);

    if (reason)
        return maqet_error_move(err, reason);
    if (!vm || !maqet_strings_has(&ended.drives, drive))
        return 0;
    const struct maqet_drive *it = maqet_vm_find_drive(vm, drive, NULL);
    if (it && settle_drive(it, is_copy(context, name, &ended), err) < 0)
        return maqet_error_wrap(err, "Drive '%s' of VM '%s' could not be cleaned up",
                                drive, name);
    drop(&ended.drives, drive);
    return save(context, name, &ended, json_object_get(start), err);
}

int
maqet_ended_settle(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_ended_ struct ended ended = {0};
    _cleanup_json_ json_object *start = NULL;
    struct maqet_error *reason = NULL;
    _cleanup_vm_ struct maqet_vm *vm = load_vm(context, name, &ended, &start, &reason);

    if (reason)
        return maqet_error_move(err, reason);
    if (!vm)
        return 0;
    if (settle_all(vm, &ended, start, err) < 0)
        return -1;
    /* Drives that it has lost while it was running. */
    _cleanup_definition_ struct maqet_definition *now =
        maqet_store_load(context, name, NULL);
    return now ? maqet_ended_prune(context, name, now, err) : 0;
}
