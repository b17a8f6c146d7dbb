/* SPDX-License-Identifier: MIT */
#include "core/clone/definition.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/machine/unlike.h"
#include "core/machine/entries.h"
#include "core/qemu/objects.h"
#include "core/storage/emitted.h"
#include "core/storage/flattening.h"
#include "core/storage/keys.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

/* ---- the name of its file ---- */

/* "web.img" of VM 'web' becomes "NEW.img", and "disk.img" "NEW-disk.img", with the suffix of the
 * type if that is another one. The caller frees. */
static char *
name_for(const struct maqet_vm *vm, const char *name, const char *file, const char *type)
{
    const char *old = vm->definition->name;
    size_t length = strlen(old);
    const char *rest = file + length;
    bool named = maqet_text_starts(file, old) && !isalnum((unsigned char)*rest);
    _cleanup_free_ char *whole =
        named ? maqet_format("%s%s", name, rest) : maqet_format("%s-%s", name, file);
    char *dot = strrchr(whole, '.');

    if (!type)
        return TAKE_PTR(whole);
    if (dot && dot >= whole + strlen(name))
        *dot = '\0';
    return maqet_format("%s.%s", whole, type);
}

/* Where the clone's image is to be. NULL: at the default path. The caller frees. */
static char *
path_for(const struct maqet_vm *vm, const struct maqet_drive *drive, const char *name,
         const char *type)
{
    struct stat status;

    if (drive->default_path || stat(drive->path, &status) < 0 || !S_ISREG(status.st_mode))
        return NULL;
    _cleanup_free_ char *folder = maqet_path_folder(drive->path);
    _cleanup_free_ char *file = name_for(vm, name, strrchr(drive->path, '/') + 1, type);
    return maqet_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, file);
}

/* ---- keys of an entry ---- */

static void
set_text(json_object *entry, const char *key, const char *text)
{
    struct maqet_place place = maqet_tree_place(entry);

    maqet_tree_set(entry, key, json_object_new_string(text), place, place);
}

static void
set_path(json_object *entry, const char *option, const char *path)
{
    if (path)
        maqet_keys_set_storage(entry, option, path);
    else
        maqet_keys_remove(entry, option);
}

/* ---- a linked drive ---- */

/* The files and formats of a node, and of all that it stands on. */
static int
read_chain(const struct maqet_drive *drive, uint64_t id, struct maqet_chain *chain,
           struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    const struct maqet_overlay *node = maqet_overlays_node(drive->overlays, id);
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);

    if (maqet_storage_emit_node(drive, id, args, err) < 0)
        return -1;
    maqet_chain_add_node(chain, NULL, node->file.file)->name = maqet_strdup(name);
    maqet_chain_read(chain, name, args);
    for (size_t i = 0; i < chain->depth; i++)
        if (!chain->nodes[i].file || !chain->nodes[i].format)
            return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                     "it cannot be determined what %s stands on",
                                     node->file.file);
    return 0;
}

static void
set_chain(json_object *entry, const struct maqet_chain *chain)
{
    struct maqet_place place = maqet_tree_place(entry);
    json_object *files = maqet_tree_sequence(place);
    json_object *formats = maqet_tree_sequence(place);

    for (size_t i = 0; i < chain->depth; i++) {
        maqet_tree_append(files, json_object_new_string(chain->nodes[i].file), place);
        maqet_tree_append(formats, json_object_new_string(chain->nodes[i].format), place);
    }
    maqet_tree_set(entry, MAQET_KEY_BACKING_FILE, files, place, place);
    maqet_tree_set(entry, MAQET_KEY_BACKING_FORMAT, formats, place, place);
}

static bool
is_inherited(const struct maqet_storage *storage, const char *key)
{
    const char *const *names = storage->overlay.inherited;

    for (; names && *names; names++)
        if (strcmp(*names, key) == 0)
            return true;
    return false;
}

/* Removes the keys of the image's type, but for those that an overlay takes over. */
static int
change_type(const struct maqet_drive *drive, json_object *entry, struct maqet_error **err)
{
    const char *type = drive->overlays->type;
    const struct maqet_storage *storage = maqet_storage_load(drive->context, type, err);

    if (!storage)
        return -1;
    json_object_object_foreach(drive->options[MAQET_OF_STORAGE].tree, key, value)
    {
        (void)value;
        if (strcmp(type, drive->image_storage->plugin.name) != 0
                ? !is_inherited(storage, key)
                : strcmp(key, storage->plugin.size_option) == 0)
            maqet_keys_remove(entry, key);
    }
    set_text(entry, "type", type);
    return 0;
}

static int
link_drive(const struct maqet_vm *vm, const struct maqet_clone_drive *item,
           const char *name, json_object *entry, struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;
    const char *type = drive->overlays->type;
    const char *option = drive->storage->plugin.path_option;
    bool other = strcmp(type, drive->image_storage->plugin.name) != 0;
    _cleanup_free_ char *path = path_for(vm, drive, name, other ? type : NULL);
    _cleanup_chain_ struct maqet_chain chain = {0};

    if (read_chain(drive, item->from.node, &chain, err) < 0)
        return -1;
    maqet_keys_remove(entry, option);
    maqet_flattening_change_entry(entry);
    if (change_type(drive, entry, err) < 0)
        return -1;
    const struct maqet_storage *storage = maqet_storage_load(drive->context, type, err);
    set_path(entry, storage->plugin.path_option, path);
    set_chain(entry, &chain);
    return 0;
}

/* ---- a copied drive ---- */

/* An image that was there before its VM need not have a size in the definition; that of the clone is still to be
 * made. */
static int
set_missing_size(const struct maqet_clone_drive *item, json_object *entry,
                 struct maqet_error **err)
{
    const char *option = item->drive->storage->plugin.size_option;
    uint64_t bytes;

    if (!option || item->drive->size > 0)
        return 0;
    if (maqet_copy_size(&item->from, &bytes, err) < 0)
        return -1;
    /* Small sizes without a unit are taken for mistakes. */
    _cleanup_free_ char *size = maqet_format("%" PRIu64 "B", bytes);
    maqet_keys_set_storage(entry, option, size);
    return 0;
}

/* ---- all drives ---- */

static int
change_drive(const struct maqet_vm *vm, const struct maqet_clone_drive *item,
             const char *name, struct maqet_definition *definition,
             struct maqet_error **err)
{
    json_object *entry = maqet_entries_find(definition, item->drive->name);

    /* One that another key adds, such as that of the firmware, has a path by default. */
    if (!entry || item->part == MAQET_PART_SHARED ||
        !item->drive->storage->plugin.path_option)
        return 0;
    if (item->part == MAQET_PART_LINKED)
        return link_drive(vm, item, name, entry, err);
    _cleanup_free_ char *path =
        item->part == MAQET_PART_LATER && !item->drive->default_path
            ? maqet_strdup(item->drive->path)
            : NULL;
    if (path) {
        _cleanup_free_ char *folder = maqet_path_folder(path);
        _cleanup_free_ char *file = name_for(vm, name, strrchr(path, '/') + 1, NULL);

        free(path);
        path = maqet_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, file);
    } else {
        path = path_for(vm, item->drive, name, NULL);
    }
    set_path(entry, item->drive->storage->plugin.path_option, path);
    if (item->part != MAQET_PART_LATER)
        maqet_flattening_change_entry(entry);
    return item->part == MAQET_PART_COPIED ? set_missing_size(item, entry, err) : 0;
}

struct maqet_definition *
maqet_clone_definition(const struct maqet_vm *vm, const struct maqet_clone_plan *plan,
                       const char *name, struct maqet_forwards *taken,
                       struct maqet_strings *ports, struct maqet_error **err)
{
    struct maqet_error *mistakes = NULL;
    json_object *tree = maqet_tree_copy(vm->definition->tree);

    json_object_object_del(tree, "name");
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_draft_of_tree(tree, name, &mistakes);
    if (mistakes || !definition) {
        maqet_error_move(err, mistakes);
        return NULL;
    }
    definition->defaults = vm->definition->defaults;
    for (size_t i = 0; i < plan->count; i++)
        if (change_drive(vm, &plan->drives[i], name, definition, err) < 0)
            return NULL;
    if (maqet_unlike_change(vm->context, definition, taken, ports, err) < 0 ||
        maqet_unlike_check(vm->context, definition, vm->definition->name, err) < 0)
        return NULL;
    return TAKE_PTR(definition);
}
