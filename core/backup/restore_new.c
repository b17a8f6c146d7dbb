/* SPDX-License-Identifier: MIT */
#include "core/backup/restore_new.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/config/tree.h"
#include "core/lifecycle/apply.h"
#include "core/machine/entries.h"
#include "core/machine/images.h"
#include "core/machine/opened.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/entry.h"
#include "core/storage/keys.h"

/* The file that says that the images in a folder are not complete: their names, in lines. It is
 * locked while they are written. */
#define MARKER ".maqet-restoring"

struct renewal {
    const struct maqet_context *context;
    const struct maqet_restore_source *source;
    const char *name;
    const char *folder;
    struct maqet_vm *vm;
    int marker;                   /* -1: none */
    struct maqet_strings written; /* names of drives */
    struct maqet_file_id *ids;    /* of their images */
    bool made;                    /* the folder is ours */
};

static void
renewal_clear(struct renewal *renewal)
{
    maqet_vm_free(renewal->vm);
    maqet_cleanup_close(&renewal->marker);
    maqet_strings_clear(&renewal->written);
    free(renewal->ids);
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

/* Removes the options of the storage: what is restored needs no other file. */
static void
strip(json_object *entry)
{
    static const char *const kept[] = {
        "name",       "type",    "interface",         "media", "mode", "snapshots",
        "overcommit", "options", "interface_options", NULL};
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;

    json_object_object_foreach(entry, key, value)
    {
        (void)value;
        if (!maqet_text_is_one_of(key, kept))
            maqet_strings_add(&keys, key);
    }
    for (size_t i = 0; i < keys.count; i++)
        json_object_object_del(entry, keys.items[i]);
}

/* Whether an entry describes an image that is complete in itself. */
static bool
is_complete(const struct renewal *renewal, json_object *entry)
{
    const struct maqet_machine machine = {
        .vm_name = (char *)renewal->name, .arch = "", .type = "", .storage_dir = "/tmp"};
    _cleanup_json_ json_object *copy = maqet_tree_copy(entry);
    struct maqet_drive *drive = maqet_drive_new(renewal->context, &machine, copy, NULL);
    bool complete = drive && drive->chain.depth <= 1;

    maqet_drive_free(drive);
    return complete;
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
    relocate(renewal, entry, storage, drive);
    if (!is_complete(renewal, entry)) {
        strip(entry);
        relocate(renewal, entry, storage, drive);
        maqet_context_say(
            renewal->context, MAQET_LEVEL_WARNING,
            "Drive '%s' of VM '%s' loses the options of its storage, as its "
            "restored image stands on no other file",
            name, renewal->name);
    }
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
    renewal->vm = maqet_vm_of_draft(renewal->context, definition, mistakes, err);
    if (!renewal->vm || maqet_vm_check_own_images(renewal->vm, err) < 0)
        return maqet_error_wrap(err, "The VM '%s' cannot be restored as '%s'",
                                renewal->source->catalog.vm, renewal->name);
    return 0;
}

/* ---- the folder ---- */

/* Removes what an interrupted call has left: the images that its marker names. */
static void
sweep(const struct renewal *renewal, const char *marker)
{
    _cleanup_close_ int fd = open(marker, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;

    if (fd < 0 || maqet_lock_try(fd, NULL) != 1 ||
        maqet_fd_read(fd, marker, 1024 * 1024, &text, NULL, NULL) < 0)
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        for (size_t i = 0; *line && !strchr(line, '/') && i < 3; i++) {
            _cleanup_free_ char *path =
                i == 0   ? maqet_format("%s/%s", renewal->folder, line)
                : i == 1 ? maqet_format("%s/.%s.maqet-new", renewal->folder, line)
                         : maqet_format("%s/.%s.maqet-lock", renewal->folder, line);

            unlink(path);
        }
    }
    unlink(marker);
}

/* Creates the folder and its marker. */
static int
enter(struct renewal *renewal, struct maqet_error **err)
{
    _cleanup_free_ char *marker = maqet_format("%s/" MARKER, renewal->folder);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    sweep(renewal, marker);
    if (maqet_dir_list(renewal->folder, &names, err) < 0)
        return -1;
    if (names.count > 0) {
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "The folder %s is not empty, so no images are restored there",
                        renewal->folder);
        maqet_error_hint(err, "Name another folder");
        return -1;
    }
    if (maqet_dir_make(renewal->folder, 0700, err) < 0)
        return -1;
    renewal->made = true;
    renewal->marker =
        open(marker, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    for (size_t i = 0; i < renewal->vm->drive_count; i++)
        if (renewal->vm->drives[i]->path &&
            maqet_strings_has(&renewal->source->drives, renewal->vm->drives[i]->name))
            maqet_text_appendf(&text, "%s\n",
                               strrchr(renewal->vm->drives[i]->path, '/') + 1);
    if (renewal->marker < 0 || maqet_lock_try(renewal->marker, NULL) != 1 ||
        maqet_fd_write(renewal->marker, text.data ? text.data : "", text.length) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", marker);
    return 0;
}

static void
remove_marker(struct renewal *renewal)
{
    _cleanup_free_ char *marker = maqet_format("%s/" MARKER, renewal->folder);

    if (renewal->marker >= 0)
        unlink(marker);
}

/* Removes the images that were written, and the folder. */
static void
undo(struct renewal *renewal)
{
    for (size_t i = 0; i < renewal->written.count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(renewal->vm, renewal->written.items[i], NULL);
        struct maqet_file_id id;

        if (drive && maqet_file_id_of_path(drive->path, &id) &&
            maqet_file_id_equal(&id, &renewal->ids[i]))
            unlink(drive->path);
    }
    remove_marker(renewal);
    if (renewal->made)
        rmdir(renewal->folder);
}

/* ---- the work ---- */

static int
record(void *data, const struct maqet_drive *drive, const char *file,
       const struct maqet_file_id *id, struct maqet_error **err)
{
    struct renewal *renewal = data;
    size_t count = renewal->written.count;

    (void)file;
    (void)err;
    renewal->ids = maqet_realloc(renewal->ids, (count + 1) * sizeof(*renewal->ids));
    renewal->ids[count] = *id;
    maqet_strings_add(&renewal->written, drive->name);
    return 0;
}

static int
write_all(struct renewal *renewal, struct maqet_error **err)
{
    const struct maqet_strings *names = &renewal->source->drives;
    const struct maqet_image_recorder recorder = {.record = record, .data = renewal};

    for (size_t i = 0; i < names->count; i++) {
        const struct maqet_drive *target =
            maqet_vm_find_drive(renewal->vm, names->items[i], err);

        if (!target || maqet_restore_drive(renewal->context, renewal->source,
                                           names->items[i], target, &recorder, err) < 0)
            return -1;
    }
    return 0;
}

/* Adds the VM, with the slots that its drives had. That its images are its own is noted
 * afterwards; without, they would only not be deleted with it. */
static int
add(struct renewal *renewal, struct maqet_error **err)
{
    const struct maqet_context *context = renewal->context;

    if (maqet_store_add(context, renewal->vm->definition, err) < 0)
        return -1;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, renewal->name, MAQET_OPEN_LOCK | MAQET_OPEN_VM, &error);
    if (machine && maqet_slots_save(context, renewal->name,
                                    &renewal->source->entry->backup.slots, &error) == 0)
        for (size_t i = 0; i < renewal->written.count; i++) {
            const struct maqet_drive *drive =
                maqet_vm_find_drive(machine->vm, renewal->written.items[i], &error);

            if (drive && maqet_images_note_created(machine->vm, drive, &renewal->ids[i],
                                                   &error) < 0)
                break;
        }
    if (error)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, error);
    return 0;
}

static void
tell(const struct renewal *renewal, struct maqet_restored *restored)
{
    const char *id = renewal->source->entry->id;

    restored->vm = maqet_strdup(renewal->name);
    restored->id = maqet_strdup(id);
    for (size_t i = 0; i < renewal->written.count; i++) {
        const char *name = renewal->written.items[i];
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

static int
check_name(const struct renewal *renewal, struct maqet_error **err)
{
    _cleanup_free_ char *other =
        maqet_store_resolve(renewal->context, renewal->name, NULL);

    if (!maqet_vm_name_valid(renewal->name))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "'%s' is no name of a VM",
                               renewal->name);
    return other ? maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a VM '%s'",
                                   renewal->name)
                 : 0;
}

int
maqet_backup_restore_new(const struct maqet_context *context,
                         const struct maqet_backup_restore *how, const char *name,
                         const char *folder, struct maqet_restored *restored,
                         struct maqet_error **err)
{
    _cleanup_restore_source_ struct maqet_restore_source source = {0};
    _cleanup_(renewal_clear) struct renewal renewal = {.context = context,
                                                       .source = &source,
                                                       .name = name,
                                                       .folder = folder,
                                                       .marker = -1};

    if (check_name(&renewal, err) < 0 ||
        maqet_restore_choose(context, how, &source, err) < 0 || define(&renewal, err) < 0)
        return -1;
    int result = enter(&renewal, err);
    if (result == 0)
        result = write_all(&renewal, err);
    /* From here on the images are complete, and nobody's leftovers. */
    if (result == 0) {
        remove_marker(&renewal);
        result = add(&renewal, err);
    }
    if (result < 0)
        undo(&renewal);
    else
        tell(&renewal, restored);
    return result;
}
