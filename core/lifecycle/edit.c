/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/edit.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/base/replacement.h"
#include "core/config/yaml.h"
#include "core/config/yaml_write.h"
#include "core/lifecycle/apply.h"
#include "core/machine/store.h"

/* Bytes of a YAML file, of which the reader accepts fewer. */
enum { TEXT_LIMIT = 2 << 20 };

void
maqet_edit_clear(struct maqet_edit *edit)
{
    maqet_definition_free(edit->stored);
    free(edit->path);
    free(edit->before);
}

/* ---- which file ---- */

/* Whether a file, which has not changed since it was added, still defines what is stored: a
 * drive may have been attached since. */
static bool
defines_what_is_stored(const struct maqet_context *context, const char *path,
                       const struct maqet_definition *stored)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    maqet_strings_add(&files, path);
    struct maqet_definition *definition =
        maqet_definition_read(&files, &none, stored->name, NULL);
    if (!definition)
        return false;
    definition->defaults = stored->defaults;
    /* Plugins make paths absolute. */
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_look(context, definition);
    return json_object_equal(vm->definition->tree, stored->tree);
}

static void
choose_own_file(struct maqet_edit *edit)
{
    _cleanup_strings_ struct maqet_strings changed = MAQET_STRINGS_INIT;
    const char *path = maqet_added_only_file(&edit->stored->added);

    if (!path || access(path, F_OK) < 0)
        return;
    maqet_added_changed(&edit->stored->added, &changed);
    edit->newer = changed.count > 0;
    edit->own = edit->newer || defines_what_is_stored(edit->context, path, edit->stored);
    if (edit->own)
        edit->path = maqet_strdup(path);
}

static char *
stored_text(const struct maqet_definition *stored)
{
    const char *folder = maqet_tree_place(stored->tree).folder;
    _cleanup_free_ char *yaml = maqet_yaml_write(stored->tree);
    _cleanup_free_ char *shown = folder ? maqet_text_shown(folder) : maqet_strdup("/");

    return maqet_format("# The definition of VM '%s'. Relative paths start at %s.\n%s",
                        stored->name, shown, yaml);
}

/* The stored definition on which the text in maqet's file is based. */
static char *
base_path(const struct maqet_edit *edit)
{
    return maqet_store_file(edit->context, edit->stored->name, MAQET_STORE_EDITED_BASE);
}

static int
remove_own_file(const struct maqet_edit *edit, struct maqet_error **err)
{
    _cleanup_free_ char *base = base_path(edit);

    return maqet_file_remove(edit->path, err) < 0 ? -1 : maqet_file_remove(base, err);
}

/* Storing the text would undo what others have stored since it was begun. */
static void
hint_stale(const struct maqet_edit *edit, struct maqet_error **err)
{
    _cleanup_free_ char *shown = maqet_text_shown(edit->path);

    if (edit->own)
        maqet_error_hint(err, "First add to your text what was changed, or it is undone");
    else
        maqet_error_hint(err, "Move %s elsewhere, edit again, and copy your changes",
                         shown);
}

static int
check_resumed(struct maqet_edit *edit, struct maqet_error **err)
{
    _cleanup_free_ char *path = base_path(edit);
    _cleanup_definition_ struct maqet_definition *base =
        maqet_definition_load(path, edit->stored->name, NULL);

    if (base && json_object_equal(base->tree, edit->stored->tree))
        return 0;
    edit->stale = true;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The definition of VM '%s' has changed since an edit was begun that "
                    "was not stored",
                    edit->stored->name);
    hint_stale(edit, err);
    return -1;
}

static int
write_own_file(struct maqet_edit *edit, struct maqet_error **err)
{
    edit->path = maqet_store_file(edit->context, edit->stored->name, MAQET_STORE_EDITED);
    if (maqet_file_read(edit->path, TEXT_LIMIT, &edit->before, NULL, NULL) == 0) {
        edit->resumed = true;
        return check_resumed(edit, err);
    }
    _cleanup_free_ char *base = base_path(edit);
    edit->before = stored_text(edit->stored);
    if (maqet_definition_save(base, edit->stored, err) < 0)
        return -1;
    return maqet_file_replace(edit->path, edit->before, strlen(edit->before), 0600, err);
}

int
maqet_edit_begin(const struct maqet_context *context, const char *name,
                 struct maqet_edit *edit, struct maqet_error **err)
{
    *edit = (struct maqet_edit){.context = context};
    edit->stored = maqet_store_load(context, name, err);
    if (!edit->stored)
        return -1;
    choose_own_file(edit);
    return edit->own ? 0 : write_own_file(edit, err);
}

/* ---- what is in it ---- */

static json_object *
item_like(json_object *list, json_object *wanted, size_t index)
{
    const char *name = maqet_tree_text(wanted, "name");

    for (size_t i = 0; name && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *its = maqet_tree_text(item, "name");

        if (its && strcmp(its, name) == 0)
            return item;
    }
    return name ? NULL : json_object_array_get_idx(list, index);
}

/* Gives what was not changed the place where it was written, and so the folder of its
 * relative paths. */
static void
keep_places(json_object *tree, json_object *before)
{
    enum json_type type = json_object_get_type(tree);

    if (type != json_object_get_type(before))
        return;
    for (size_t i = 0; type == json_type_array && i < json_object_array_length(tree);
         i++) {
        json_object *item = json_object_array_get_idx(tree, i);

        keep_places(item, item_like(before, item, i));
    }
    if (type != json_type_object)
        return;
    json_object_object_foreach(tree, key, value)
    {
        json_object *then = NULL;

        if (!json_object_object_get_ex(before, key, &then))
            continue;
        if (maqet_tree_is_container(value))
            keep_places(value, then);
        else if (json_object_equal(value, then))
            maqet_tree_set(tree, key, json_object_get(value),
                           maqet_tree_place_of_key(before, key),
                           maqet_tree_place_of_value(before, key));
    }
}

/* Parses maqet's file. @name is the one in errors or, when it is stored, in places. */
static struct maqet_definition *
parse(const struct maqet_edit *edit, const char *name, struct maqet_error **err)
{
    const struct maqet_definition *stored = edit->stored;
    const char *folder = maqet_tree_place(stored->tree).folder;
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (maqet_file_read(edit->path, TEXT_LIMIT, &text, &length, err) < 0)
        return NULL;
    json_object *tree = maqet_yaml_parse(text, length, name, folder ? folder : "/", err);
    if (!tree)
        return NULL;
    keep_places(tree, stored->tree);
    return maqet_definition_draft_of_tree(tree, stored->name, err);
}

/* What is in maqet's file comes from no other one any more. */
static struct maqet_definition *
read_own_file(struct maqet_edit *edit, struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *now =
        maqet_store_load(edit->context, edit->stored->name, err);

    if (!now)
        return NULL;
    struct maqet_error *mistakes = NULL;
    struct maqet_definition *draft = parse(edit, edit->path, &mistakes);
    if (draft)
        draft->defaults = now->defaults;
    /* All errors, those of plugins as well, name the file. */
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_of_draft(edit->context, draft, mistakes, err);
    if (!vm)
        return NULL;
    _cleanup_definition_ struct maqet_definition *definition =
        parse(edit, MAQET_PLACE_EDITED, &mistakes);
    if (mistakes) {
        maqet_error_move(err, mistakes);
        return NULL;
    }
    struct maqet_added none = definition->added;
    definition->added = now->added;
    now->added = none;
    return TAKE_PTR(definition);
}

static struct maqet_definition *
read_users_file(const struct maqet_edit *edit, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    maqet_strings_add(&files, edit->path);
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_read(edit->context, &files, &none, edit->stored->name, err);
    return vm ? TAKE_PTR(vm->definition) : NULL;
}

static bool
is_stale(const struct maqet_edit *edit)
{
    _cleanup_definition_ struct maqet_definition *now =
        maqet_store_load(edit->context, edit->stored->name, NULL);

    return now && !json_object_equal(now->tree, edit->stored->tree);
}

int
maqet_edit_store(struct maqet_edit *edit, const char **change, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_definition *definition =
        edit->own ? read_users_file(edit, err) : read_own_file(edit, err);

    if (!definition)
        return -1;
    if (maqet_vm_apply(edit->context, definition, edit->stored, change, &reason) == 0)
        return edit->own ? 0 : remove_own_file(edit, err);
    edit->stale = reason->code == MAQET_ERROR_STATE && is_stale(edit);
    if (edit->stale)
        hint_stale(edit, &reason);
    return maqet_error_move(err, TAKE_PTR(reason));
}

bool
maqet_edit_leave(struct maqet_edit *edit)
{
    _cleanup_free_ char *now = NULL;

    if (edit->own)
        return true;
    if (edit->resumed || maqet_file_read(edit->path, TEXT_LIMIT, &now, NULL, NULL) < 0 ||
        strcmp(now, edit->before) != 0)
        return access(edit->path, F_OK) == 0;
    remove_own_file(edit, NULL);
    return false;
}
