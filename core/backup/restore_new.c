/* SPDX-License-Identifier: MIT */
#include "core/backup/restore_new.h"

#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/config/tree.h"
#include "core/job/recover.h"
#include "core/lifecycle/apply.h"
#include "core/lifecycle/remove.h"
#include "core/machine/drives.h"
#include "core/machine/entries.h"
#include "core/machine/events.h"
#include "core/machine/images.h"
#include "core/machine/opened.h"
#include "core/machine/owner.h"
#include "core/machine/port_choice.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/machine/unlike.h"
#include "core/storage/copy.h"
#include "core/storage/entry.h"
#include "core/storage/flattening.h"
#include "core/storage/keys.h"

struct renewal {
    const struct maqet_context *context;
    const struct maqet_restore_source *source;
    const char *name;
    const char *folder;
    struct maqet_vm *vm; /* as a draft */
};

static void
renewal_clear(struct renewal *renewal)
{
    maqet_vm_free(renewal->vm);
}

/* ---- the definition ---- */

static void
set(json_object *mapping, const char *key, const char *value)
{
    struct maqet_place place = maqet_tree_place(mapping);

    maqet_tree_set(mapping, key, json_object_new_string(value), place, place);
}

static const struct maqet_storage *
storage_of(const struct maqet_context *context, json_object *entry,
           struct maqet_error **err)
{
    const char *type = maqet_tree_text(entry, "type");

    return maqet_storage_load(context, type ? type : MAQET_DEFAULT_STORAGE, err);
}

/* An entry with another image, which is as large as it was. */
static void
relocate(const struct renewal *renewal, json_object *entry,
         const struct maqet_storage *storage, const struct maqet_backup_drive *drive)
{
    const struct maqet_storage_plugin *plugin = &storage->plugin;
    _cleanup_free_ char *path =
        maqet_format("%s/%s.%s", renewal->folder, drive->name, plugin->name);
    _cleanup_free_ char *size = maqet_text_size(drive->virtual_size);
    json_object *at = maqet_keys_container(entry, plugin->path_option);

    set(at ? at : entry, plugin->path_option, path);
    if (!plugin->size_option)
        return;
    at = maqet_keys_container(entry, plugin->size_option);
    set(at ? at : entry, plugin->size_option, size);
}

/* Whether an entry describes an image that is complete in itself. */
static bool
is_complete(const struct renewal *renewal, json_object *entry)
{
    const struct maqet_machine machine = {
        .vm_name = (char *)renewal->name, .arch = "", .type = "", .storage_dir = "/tmp"};
    _cleanup_json_ json_object *copy = maqet_tree_copy(entry);
    struct maqet_drive *drive = maqet_drive_look(renewal->context, &machine, copy);
    bool names = false;
    bool complete = drive->fault_of < MAQET_FAULT_STORAGE &&
                    maqet_copy_names_base(drive, &names, NULL) == 0 && !names;

    maqet_drive_free(drive);
    return complete;
}

/* What is restored stands on no other file. If the keys of a backing chain are not all that
 * names some, the options of the storage go. Those of the drive and its interface stay. */
static void
stand_alone(const struct renewal *renewal, json_object *entry,
            const struct maqet_storage *storage, const struct maqet_backup_drive *drive)
{
    maqet_flattening_change_entry(entry);
    relocate(renewal, entry, storage, drive);
    if (is_complete(renewal, entry))
        return;
    for (const struct maqet_option *row = storage->plugin.options; row && row->name;
         row++)
        maqet_keys_remove(entry, row->name);
    relocate(renewal, entry, storage, drive);
    maqet_context_say(renewal->context, MAQET_LEVEL_WARNING,
                      "Drive '%s' of VM '%s' loses the options of its storage, as its "
                      "restored image stands on no other file",
                      drive->name, renewal->name);
}

/* Whether a drive that is not restored can be one of the new VM, too: nobody writes to it. */
static bool
is_shareable(const struct renewal *renewal, json_object *entry)
{
    const struct maqet_machine machine = {
        .vm_name = (char *)renewal->name, .arch = "", .type = "", .storage_dir = "/tmp"};
    _cleanup_json_ json_object *copy = maqet_tree_copy(entry);
    struct maqet_drive *drive = maqet_drive_look(renewal->context, &machine, copy);
    bool shareable = !maqet_drive_is_unknown(drive) && drive->storage &&
                     (!drive->storage->plugin.interface || maqet_drive_readonly(drive)) &&
                     (!drive->path || !maqet_file_missing(drive->path));

    maqet_drive_free(drive);
    return shareable;
}

/* Changes one entry. 0: it is to be removed. */
static int
change_entry(const struct renewal *renewal, json_object *entry, struct maqet_error **err)
{
    const char *name = maqet_tree_text(entry, "name");
    const struct maqet_backup_drive *drive =
        name && maqet_strings_has(&renewal->source->drives, name)
            ? maqet_backup_drive(&renewal->source->entry->backup, name)
            : NULL;

    if (!drive)
        return is_shareable(renewal, entry);
    const struct maqet_storage *storage = storage_of(renewal->context, entry, err);
    if (!storage)
        return -1;
    if (!storage->plugin.path_option)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "The storage of drive '%s' is not a file, so it cannot be "
                               "restored as that of a new VM",
                               name);
    stand_alone(renewal, entry, storage, drive);
    return 1;
}

static int
change_entries(const struct renewal *renewal, json_object *tree, struct maqet_error **err)
{
    json_object *list = json_object_object_get(tree, "storage");
    size_t count =
        json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = count; i-- > 0;) {
        /* Without entries, there is no list. */
        list = json_object_object_get(tree, "storage");
        json_object *entry = json_object_array_get_idx(list, i);
        int stays = json_object_is_type(entry, json_type_object)
                        ? change_entry(renewal, entry, err)
                        : 1;

        if (stays < 0)
            return -1;
        if (stays > 0)
            continue;
        const char *name = maqet_tree_text(entry, "name");
        maqet_context_say(renewal->context, MAQET_LEVEL_WARNING,
                          "VM '%s' does not get the drive '%s', which is not restored",
                          renewal->name, name ? name : "?");
        struct maqet_definition definition = {.tree = tree};
        if (name)
            maqet_entries_remove(&definition, name);
    }
    return 0;
}

/* While the VM that was backed up exists, both can run at the same time. */
static int
make_unlike(const struct renewal *renewal, struct maqet_definition *definition,
            struct maqet_error **err)
{
    const char *uuid = renewal->source->entry->backup.uuid;
    _cleanup_free_ char *original = maqet_store_resolve(renewal->context, uuid, NULL);
    _cleanup_forwards_ struct maqet_forwards taken = {0};
    _cleanup_strings_ struct maqet_strings ports = MAQET_STRINGS_INIT;

    if (!original)
        return 0;
    if (maqet_unlike_change(renewal->context, definition, &taken, &ports, err) < 0)
        return -1;
    if (ports.count > 0) {
        _cleanup_free_ char *list = maqet_strings_list(&ports);

        maqet_context_say(renewal->context, MAQET_LEVEL_INFO,
                          "VM '%s' has other forwarded ports than VM '%s': %s",
                          renewal->name, original, list);
    }
    return 0;
}

/* The VM that the backup describes, under another name and with other images. */
static int
define(struct renewal *renewal, struct maqet_error **err)
{
    const struct maqet_definition *stored = renewal->source->entry->backup.definition;
    json_object *tree = maqet_tree_copy(stored->tree);
    json_object *network = json_object_object_get(tree, "network");
    struct maqet_error *mistakes = NULL;

    set(tree, "name", renewal->name);
    if (json_object_is_type(network, json_type_object))
        json_object_object_del(network, "mac");
    if (change_entries(renewal, tree, err) < 0) {
        json_object_put(tree);
        return -1;
    }
    struct maqet_definition *definition =
        maqet_definition_draft_of_tree(tree, renewal->name, &mistakes);
    if (definition)
        definition->defaults = stored->defaults;
    if (definition && !mistakes && make_unlike(renewal, definition, err) < 0) {
        maqet_definition_free(definition);
        return -1;
    }
    renewal->vm = maqet_vm_of_draft(renewal->context, definition, mistakes, err);
    if (!renewal->vm || maqet_vm_check_own_images(renewal->vm, err) < 0)
        return maqet_error_wrap(err, "The VM '%s' cannot be restored as '%s'",
                                renewal->source->catalog.vm, renewal->name);
    return 0;
}

/* ---- the folder ---- */

/* Nothing of others is to be among the images. *missing: it does not exist. */
static int
check_folder(const struct renewal *renewal, bool *missing, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    *missing = maqet_file_missing(renewal->folder);
    if (!*missing && maqet_dir_list(renewal->folder, &names, err) < 0)
        return -1;
    if (names.count == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_EXISTS,
                    "The folder %s is not empty, so no images are restored there",
                    renewal->folder);
    maqet_error_hint(err, "Name another folder");
    return -1;
}

/* ---- the images ---- */

/* Of an image that is about to get its name. */
static int
record(void *data, const struct maqet_drive *drive, const char *file,
       const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_vm *vm = data;

    if (file)
        maqet_owner_mark(vm->context, vm->definition, file);
    return maqet_images_note_created(vm, drive, id, err);
}

static struct maqet_drive *
find_drive(const struct maqet_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (strcmp(vm->drives[i]->name, name) == 0)
            return vm->drives[i];
    return NULL;
}

static int
write_all(const struct renewal *renewal, struct maqet_vm *vm, struct maqet_error **err)
{
    const struct maqet_strings *names = &renewal->source->drives;
    const struct maqet_image_recorder recorder = {.record = record, .data = vm};

    for (size_t i = 0; i < names->count; i++) {
        struct maqet_drive *target = find_drive(vm, names->items[i]);

        if (!target)
            return maqet_error_set(err, MAQET_ERROR_FAILED, "VM '%s' has no drive '%s'",
                                   vm->definition->name, names->items[i]);
        /* What stands there after it was written is recorded as well. */
        if (maqet_restore_drive(renewal->context, renewal->source, names->items[i],
                                target, &recorder, err) < 0 ||
            maqet_vm_drive_prepare(vm, target, NULL, err) < 0 ||
            maqet_interrupt_check(err) < 0)
            return -1;
    }
    return maqet_images_confirm(vm, err);
}

/* ---- the VM ---- */

/* A maqet_store_fill. */
static int
fill_folder(void *data, const char *folder, struct maqet_error **err)
{
    return maqet_job_begin_in(data, folder, err);
}

/* Stores it, with its job. */
static int
add(const struct renewal *renewal, struct maqet_error **err)
{
    struct maqet_job job = {0};
    bool missing;

    if (check_folder(renewal, &missing, err) < 0)
        return -1;
    _cleanup_json_ json_object *details = maqet_json_object(
        "folder", missing ? json_object_new_string(renewal->folder) : NULL, NULL);
    maqet_job_plan(&job, &maqet_kind_restore_new, renewal->source->entry->id);
    job.journal.details = maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    int result = maqet_store_add_filled(renewal->context, renewal->vm->definition,
                                        fill_folder, &job, err);
    maqet_journal_clear(&job.journal);
    return result;
}

/* Nobody else gets its ports in between. */
static int
define_and_add(struct renewal *renewal, struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_port_choice_lock(renewal->context, err);

    return lock < 0 || define(renewal, err) < 0 || add(renewal, err) < 0 ? -1 : 0;
}

/* Of a VM that is stored, with its job. */
static int
complete(const struct renewal *renewal, struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    struct maqet_vm *vm = maqet_opened_vm(machine, err);

    if (!vm ||
        maqet_slots_save(machine->context, machine->name,
                         &renewal->source->entry->backup.slots, err) < 0 ||
        maqet_dir_make(renewal->folder, 0700, err) < 0 || write_all(renewal, vm, err) < 0)
        return -1;
    maqet_event_note(machine->context, machine->name, "added", NULL);
    return maqet_job_done(job, err);
}

static int
work(const struct renewal *renewal, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(renewal->context, renewal->name,
                   MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING | MAQET_OPEN_FOLDER, err);
    _cleanup_job_ struct maqet_job job = {0};
    if (!machine)
        return -1;
    maqet_job_find(&job, machine);
    if (maqet_job_take(&job, err) < 0)
        return -1;
    return complete(renewal, &job, err) < 0 ? maqet_job_fail(&job, err) : 0;
}

static void
tell(const struct renewal *renewal, struct maqet_restored *restored)
{
    const char *id = renewal->source->entry->id;

    restored->vm = maqet_strdup(renewal->name);
    restored->id = maqet_strdup(id);
    for (size_t i = 0; i < renewal->source->drives.count; i++) {
        const char *name = renewal->source->drives.items[i];
        const struct maqet_drive *drive = maqet_vm_find_drive(renewal->vm, name, NULL);

        *MAQET_APPEND(restored->drives, restored->count) = (struct maqet_restored_drive){
            .vm = maqet_strdup(renewal->name),
            .id = maqet_strdup(id),
            .name = maqet_strdup(name),
            .image = maqet_strdup(drive->path),
            .size =
                maqet_backup_drive(&renewal->source->entry->backup, name)->virtual_size,
        };
    }
}

/* What an interrupted restoring has left of it goes first. */
static int
check_name(const struct renewal *renewal, struct maqet_error **err)
{
    const struct maqet_context *context = renewal->context;
    const char *name = renewal->name;

    if (!maqet_vm_name_valid(name))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "'%s' is no name of a VM", name);
    if (maqet_store_pending(context, name))
        maqet_opened_close(maqet_open(context, name, MAQET_OPEN_LOCK, NULL));
    _cleanup_free_ char *other = maqet_store_resolve(context, name, NULL);
    return other ? maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a VM '%s'",
                                   name)
                 : 0;
}

int
maqet_backup_restore_new(const struct maqet_context *context,
                         const struct maqet_backup_restore *how, const char *name,
                         const char *folder, struct maqet_restored *restored,
                         struct maqet_error **err)
{
    _cleanup_restore_source_ struct maqet_restore_source source = {0};
    _cleanup_(renewal_clear) struct renewal renewal = {
        .context = context, .source = &source, .name = name, .folder = folder};

    if (check_name(&renewal, err) < 0 ||
        maqet_restore_choose(context, how, &source, err) < 0 ||
        define_and_add(&renewal, err) < 0 || work(&renewal, err) < 0)
        return -1;
    tell(&renewal, restored);
    return 0;
}

/* ---- recovery ---- */

/* The images are deleted with the VM, and the folder if it was created for them and holds nothing else. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_remove how = {.delete_storage = true};
    _cleanup_removal_ struct maqet_removal receipt = {0};
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, NULL)
            : NULL;
    const char *folder = maqet_json_text(details, "folder");

    if (maqet_opened_remove(job->machine, &how, &receipt, err) < 0)
        return -1;
    if (folder)
        rmdir(folder);
    maqet_job_say_nothing_left(job, "nothing is left of it");
    maqet_job_gone(job);
    return 0;
}

const struct maqet_job_kind maqet_kind_restore_new = {
    .word = "restore-new",
    .noun = "restoring of a new VM from backup",
    MAQET_JOB_PHASES({.word = "write", .finishing = "removes the incomplete VM"}),
    .blocks_start = true,
    .recover = recover,
};
