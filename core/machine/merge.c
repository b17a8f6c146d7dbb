/* SPDX-License-Identifier: MIT */
#include "core/machine/merge.h"

#include <string.h>

#include "core/config/yaml.h"
#include "core/qemu/arguments.h"
#include "core/qemu/qemu_options.h"

/* ---- `arguments`: the user's own QEMU options ---- */

/* Whether a list has an option of that name; with @flag, one without a value. */
static bool
has_option(const struct maqet_argument_list *list, const char *name, bool flag)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0 && !(flag && list->items[i].written))
            return true;
    return false;
}

/* Whether an option makes way for those of the other list. */
typedef bool makes_way(const char *name, json_object *value,
                       const struct maqet_argument_list *others);

/* An earlier option, if QEMU takes only the last, or if both describe the same thing. */
static bool
is_replaced(const char *name, json_object *value,
            const struct maqet_argument_list *others)
{
    static const char *const described[] = {"accel", "m", "machine", "smp", NULL};

    (void)value;
    return (maqet_qemu_option_find(name)->repeat == MAQET_QEMU_LAST ||
            maqet_text_is_one_of(name, described)) &&
           has_option(others, name, false);
}

/* A later option without a value, which adds nothing to the earlier one. */
static bool
is_repeated(const char *name, json_object *value,
            const struct maqet_argument_list *others)
{
    return !value && has_option(others, name, true);
}

/* Appends copies of a list's items, without the options that make way for @others. */
static void
append_options(json_object *list, json_object *from, makes_way *goes, json_object *others)
{
    _cleanup_argument_list_ struct maqet_argument_list read =
        maqet_argument_list_read(others);

    for (size_t i = 0; i < json_object_array_length(from); i++) {
        json_object *item = json_object_array_get_idx(from, i);
        json_object *copy = maqet_tree_copy(item);
        bool empty = false;

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, key, value)
            {
                if (goes(maqet_argument_name(key), value, &read)) {
                    json_object_object_del(copy, key);
                    empty = json_object_object_length(copy) == 0;
                }
            }
        } else if (json_object_is_type(item, json_type_string)) {
            empty = goes(maqet_argument_name(json_object_get_string(item)), NULL, &read);
        }
        if (empty)
            json_object_put(copy);
        else
            maqet_tree_append(list, copy, maqet_tree_place_of_item(from, i));
    }
}

/* Both lists in one. A later option that replaces another one keeps its own position. */
static json_object *
merge_arguments(json_object *base, json_object *later)
{
    json_object *merged = maqet_tree_sequence(maqet_tree_place(base));

    append_options(merged, base, is_replaced, later);
    append_options(merged, later, is_repeated, merged);
    return merged;
}

/* ---- `storage`: drives have names ---- */

static int merge_mapping(json_object *base, json_object *later, bool of_drive,
                         struct maqet_error **err);

/* The entries of a list by name, the first of each name. The caller puts them. */
static json_object *
name_entries(json_object *list)
{
    json_object *names = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *name = maqet_tree_text(entry, "name");

        if (name && !json_object_object_get_ex(names, name, NULL))
            json_object_object_add(names, name, json_object_get(entry));
    }
    return names;
}

/* Two drives of one name in one file are a mistake, which merging must not hide: only the
 * first is merged into the earlier one. */
static int
merge_storage(json_object *base, json_object *later, struct maqet_error **err)
{
    _cleanup_json_ json_object *bases = name_entries(base);
    _cleanup_json_ json_object *laters = name_entries(later);

    for (size_t i = 0; i < json_object_array_length(later); i++) {
        json_object *entry = json_object_array_get_idx(later, i);
        const char *name = maqet_tree_text(entry, "name");
        bool is_first = name && json_object_object_get(laters, name) == entry;
        json_object *earlier = is_first ? json_object_object_get(bases, name) : NULL;

        if (!earlier)
            maqet_tree_append(base, json_object_get(entry),
                              maqet_tree_place_of_item(later, i));
        else if (merge_mapping(earlier, entry, true, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- everything else ---- */

static void
replace_value(json_object *base, const char *key, json_object *value, json_object *later)
{
    maqet_tree_set(base, key, value, maqet_tree_place_of_key(later, key),
                   maqet_tree_place_of_value(later, key));
}

static int
error_kinds(json_object *base, json_object *later, const char *key,
            struct maqet_error **err)
{
    struct maqet_place place = maqet_tree_place_of_value(base, key);
    _cleanup_free_ char *earlier = maqet_place_text(place);

    return maqet_place_invalid(maqet_tree_place_of_value(later, key), err,
                               "'%s' is %s here, but %s at %s: they cannot be merged",
                               key, maqet_tree_kind(json_object_object_get(later, key)),
                               maqet_tree_kind(json_object_object_get(base, key)),
                               earlier);
}

static void
append_items(json_object *base, json_object *later)
{
    for (size_t i = 0; i < json_object_array_length(later); i++)
        maqet_tree_append(base, json_object_get(json_object_array_get_idx(later, i)),
                          maqet_tree_place_of_item(later, i));
}

/* A single value of a drive is a list of one. */
static void
append_value(json_object *base, json_object *later, const char *key)
{
    json_object *earlier = json_object_object_get(base, key);
    json_object *value = json_object_object_get(later, key);
    struct maqet_place place = maqet_tree_place_of_value(base, key);

    if (!json_object_is_type(earlier, json_type_array)) {
        json_object *list = maqet_tree_sequence(place);

        maqet_tree_append(list, json_object_get(earlier), place);
        maqet_tree_set(base, key, list, maqet_tree_place_of_key(base, key), place);
        earlier = list;
    }
    if (json_object_is_type(value, json_type_array))
        append_items(earlier, value);
    else
        maqet_tree_append(earlier, json_object_get(value),
                          maqet_tree_place_of_value(later, key));
}

/* @of_drive: an option of a drive. */
static int
merge_value(json_object *base, json_object *later, const char *key, bool of_drive,
            struct maqet_error **err)
{
    json_object *earlier = json_object_object_get(base, key);
    json_object *value = json_object_object_get(later, key);
    enum json_type type = json_object_get_type(value);
    bool was_container = maqet_tree_is_container(earlier);

    /* A null takes a text back, but not a whole list or mapping. */
    if (!value && was_container)
        return 0;
    if (!earlier || (!was_container && !maqet_tree_is_container(value))) {
        replace_value(base, key, json_object_get(value), later);
        return 0;
    }
    bool one_list =
        type != json_object_get_type(earlier) &&
        (type == json_type_array || json_object_is_type(earlier, json_type_array));
    if (of_drive && one_list) {
        append_value(base, later, key);
        return 0;
    }
    if (json_object_get_type(earlier) != type)
        return error_kinds(base, later, key, err);
    if (type == json_type_object)
        return merge_mapping(earlier, value, of_drive, err);
    append_items(earlier, value);
    return 0;
}

static int
merge_mapping(json_object *base, json_object *later, bool of_drive,
              struct maqet_error **err)
{
    json_object_object_foreach(later, key, value)
    {
        (void)value;
        if (merge_value(base, later, key, of_drive, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_merge(json_object *base, json_object *later, struct maqet_error **err)
{
    json_object_object_foreach(later, key, value)
    {
        json_object *earlier = json_object_object_get(base, key);
        bool lists = json_object_is_type(value, json_type_array) &&
                     json_object_is_type(earlier, json_type_array);
        int result = 0;

        if (lists && strcmp(key, "arguments") == 0)
            replace_value(base, key, merge_arguments(earlier, value), later);
        else if (lists && strcmp(key, "storage") == 0)
            result = merge_storage(earlier, value, err);
        else
            result = merge_value(base, later, key, false, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- `--set`: a small tree, merged like one more file ---- */

/* KEY=VALUE. It has no lines, so its place is all of it. */
struct assignment {
    struct maqet_place place;
    char *key;
    json_object *value;
};

static void
clear_assignment(struct assignment *assignment)
{
    free(assignment->key);
    json_object_put(assignment->value);
}

#define _cleanup_assignment_ _cleanup_(clear_assignment)

static int
read_value(struct assignment *assignment, const char *text, struct maqet_error **err)
{
    if (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
        return 0;
    if (!strchr("[{\"'", text[0])) {
        assignment->value = json_object_new_string(text);
        return 0;
    }
    assignment->value = maqet_yaml_parse(text, strlen(text), assignment->place.file,
                                         assignment->place.folder, err);
    if (!assignment->value)
        return -1;
    /* 'a': b is a mapping, which nobody means. */
    if (strchr("\"'", text[0]) &&
        !json_object_is_type(assignment->value, json_type_string))
        return maqet_place_invalid(assignment->place, err,
                                   "the value goes on after its closing quote");
    return 0;
}

/* A mapping with one key. Takes the value. */
static json_object *
mapping_of(const char *key, json_object *value, struct maqet_place place)
{
    json_object *mapping = maqet_tree_mapping(place);

    maqet_tree_set(mapping, key, value, place, place);
    return mapping;
}

static json_object *
list_of(json_object *item, struct maqet_place place)
{
    json_object *list = maqet_tree_sequence(place);

    maqet_tree_append(list, item, place);
    return list;
}

/* The value at the end of a dotted key: {a: {b: VALUE}}. */
static json_object *
nested_mapping(struct assignment *assignment, const char *key)
{
    const char *dot = strchr(key, '.');

    if (!dot)
        return mapping_of(key, TAKE_PTR(assignment->value), assignment->place);
    _cleanup_free_ char *outer = maqet_strndup(key, (size_t)(dot - key));
    return mapping_of(outer, nested_mapping(assignment, dot + 1), assignment->place);
}

/* The drive whose name a dotted path begins with: the longest one, since names may
 * contain dots. Adds all names to @names. */
static const char *
find_drive(json_object *tree, const char *path, struct maqet_strings *names)
{
    json_object *list = json_object_object_get(tree, "storage");
    const char *found = NULL;

    if (!json_object_is_type(list, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = maqet_tree_text(json_object_array_get_idx(list, i), "name");
        size_t length = name ? strlen(name) : 0;

        if (!name)
            continue;
        maqet_strings_add(names, name);
        if (maqet_text_starts(path, name) && path[length] == '.' &&
            (!found || length > strlen(found)))
            found = name;
    }
    return found;
}

/* A drive that is not in the files is more likely misspelt than a new one, so it is not
 * added. Returns NULL. */
static json_object *
error_no_drive(const struct assignment *assignment, const char *path,
               const struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_free_ char *written = maqet_strndup(path, strcspn(path, "."));
    _cleanup_free_ char *list = maqet_strings_list(names);
    const char *closest = maqet_text_closest(written, names);
    _cleanup_free_ char *known = maqet_text_readable(closest ? closest : list);

    if (closest)
        maqet_place_invalid(assignment->place, err,
                            "there is no drive '%s'; did you mean '%s'?", written, known);
    else
        maqet_place_invalid(assignment->place, err,
                            "there is no drive '%s'; the drives are: %s", written, known);
    return NULL;
}

static json_object *
drive_tree(struct assignment *assignment, json_object *tree, const char *path,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    const char *drive = find_drive(tree, path, &names);

    if (!drive)
        return error_no_drive(assignment, path, &names, err);
    const char *key = path + strlen(drive) + 1;
    if (strcmp(key, "name") == 0) {
        maqet_place_invalid(assignment->place, err,
                            "the name of a drive cannot be changed");
        return NULL;
    }
    json_object *entry = nested_mapping(assignment, key);
    maqet_tree_set(entry, "name", json_object_new_string(drive), assignment->place,
                   assignment->place);
    return mapping_of("storage", list_of(entry, assignment->place), assignment->place);
}

static json_object *
assignment_tree(struct assignment *assignment, json_object *tree,
                struct maqet_error **err)
{
    static const char *const mappings[] = {"cloud_init.", "network.", "sandbox.", "ssh.",
                                           NULL};
    struct maqet_place place = assignment->place;
    const char *key = assignment->key, *dot = strchr(key, '.');

    if (!dot)
        return mapping_of(key, TAKE_PTR(assignment->value), place);
    if (maqet_text_starts(key, "arguments.") && dot[1]) {
        json_object *item = mapping_of(dot + 1, TAKE_PTR(assignment->value), place);
        return mapping_of("arguments", list_of(item, place), place);
    }
    if (maqet_text_starts(key, "storage.") && strchr(dot + 1, '.') &&
        !strstr(key, "..") && key[strlen(key) - 1] != '.')
        return drive_tree(assignment, tree, dot + 1, err);
    if (maqet_text_prefix(key, mappings) && dot[1] && !strchr(dot + 1, '.'))
        return nested_mapping(assignment, key);
    maqet_place_invalid(place, err,
                        "a key is one of the top level, or storage.DRIVE.KEY, "
                        "arguments.OPTION, cloud_init.KEY, network.KEY, "
                        "sandbox.KEY or ssh.KEY");
    return NULL;
}

int
maqet_assign(json_object *tree, const char *assignment, const char *folder,
             struct maqet_error **err)
{
    _cleanup_free_ char *file = maqet_format("--set %s", assignment);
    _cleanup_assignment_ struct assignment parts = {
        .place = {.file = file, .folder = folder}};
    const char *equals = strchr(assignment, '=');

    if (!equals || equals == assignment)
        return maqet_place_invalid(parts.place, err,
                                   "this is not KEY=VALUE, such as memory=2G");
    parts.key = maqet_strndup(assignment, (size_t)(equals - assignment));
    if (read_value(&parts, equals + 1, err) < 0)
        return -1;
    _cleanup_json_ json_object *later = assignment_tree(&parts, tree, err);
    return later ? maqet_merge(tree, later, err) : -1;
}

/* ---- a drive of its own ---- */

static int
assign_key(json_object *entry, const char *assignment, struct maqet_place place,
           struct maqet_error **err)
{
    _cleanup_assignment_ struct assignment parts = {.place = place};
    const char *equals = strchr(assignment, '=');

    if (!equals || equals == assignment)
        return maqet_place_invalid(place, err, "'%s' is not KEY=VALUE, such as size=20G",
                                   assignment);
    parts.key = maqet_strndup(assignment, (size_t)(equals - assignment));
    if (parts.key[0] == '.' || strstr(parts.key, "..") || equals[-1] == '.')
        return maqet_place_invalid(place, err, "'%s' is not a key", parts.key);
    if (read_value(&parts, equals + 1, err) < 0)
        return -1;
    _cleanup_json_ json_object *later = nested_mapping(&parts, parts.key);
    return merge_mapping(entry, later, true, err);
}

json_object *
maqet_assign_entry(const char *name, const struct maqet_strings *assignments,
                   const char *folder, struct maqet_error **err)
{
    const struct maqet_place place = {.file = MAQET_COMMAND_LINE, .folder = folder};
    _cleanup_json_ json_object *entry =
        mapping_of("name", json_object_new_string(name), place);

    for (size_t i = 0; i < assignments->count; i++)
        if (assign_key(entry, assignments->items[i], place, err) < 0)
            return NULL;
    return TAKE_PTR(entry);
}
