/* SPDX-License-Identifier: MIT */
#include "core/machine/merge.h"

#include <string.h>

#include "core/config/yaml.h"
#include "core/qemu/arguments.h"

/* ---- `arguments`: the user's own QEMU options ---- */

/* Whether QEMU takes the option once, so that a later one stands for the earlier one. */
static bool
is_single(const char *name, json_object *value)
{
    static const char *const single[] = {"D",       "accel",
                                         "append",  "bios",
                                         "compat",  "cpu",
                                         "d",       "dfilter",
                                         "display", "dtb",
                                         "echr",    "g",
                                         "initrd",  "k",
                                         "kernel",  "m",
                                         "machine", "mem-path",
                                         "msg",     "rotate",
                                         "seed",    "shim",
                                         "smp",     "uuid",
                                         "vga",     "watchdog-action"};

    (void)value;
    for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
        if (strcmp(name, single[i]) == 0)
            return true;
    return false;
}

/* Whether it says nothing but its name, so that saying it again adds nothing. */
static bool
is_flag(const char *name, json_object *value)
{
    (void)name;
    return !value;
}

typedef bool kind_of_option(const char *name, json_object *value);

/* The names of the options of a kind in a list. */
static void
find_options(json_object *list, kind_of_option *kind, struct maqet_strings *names)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, key,
                                       value) if (kind(maqet_argument_name(key), value))
                maqet_strings_add(names, maqet_argument_name(key));
        } else if (json_object_is_type(item, json_type_string)) {
            const char *name = maqet_argument_name(json_object_get_string(item));

            if (kind(name, NULL))
                maqet_strings_add(names, name);
        }
    }
}

/* Appends copies of a list's items, without the options of a kind that have these names.
 */
static void
append_options(json_object *list, json_object *from, kind_of_option *kind,
               const struct maqet_strings *names)
{
    for (size_t i = 0; i < json_object_array_length(from); i++) {
        json_object *item = json_object_array_get_idx(from, i);
        json_object *copy = maqet_tree_copy(item);
        bool empty = false;

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, key, value)
            {
                const char *name = maqet_argument_name(key);

                if (kind(name, value) && maqet_strings_has(names, name)) {
                    json_object_object_del(copy, key);
                    empty = json_object_object_length(copy) == 0;
                }
            }
        } else if (json_object_is_type(item, json_type_string)) {
            empty = maqet_strings_has(names,
                                      maqet_argument_name(json_object_get_string(item)));
        }
        if (empty)
            json_object_put(copy);
        else
            maqet_tree_append(list, copy, maqet_tree_place_of_item(from, i));
    }
}

/* The list that both make: what is said anew stands where the later file says it. */
static json_object *
merge_arguments(json_object *base, json_object *later)
{
    _cleanup_strings_ struct maqet_strings replaced = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings flags = MAQET_STRINGS_INIT;
    json_object *merged = maqet_tree_sequence(maqet_tree_place(base));

    find_options(later, is_single, &replaced);
    append_options(merged, base, is_single, &replaced);
    find_options(merged, is_flag, &flags);
    append_options(merged, later, is_flag, &flags);
    return merged;
}

/* ---- `storage`: drives have names ---- */

static int merge_mapping(json_object *base, json_object *later, struct maqet_error **err);

/* Which entry of a list bears which name: the first one. The caller puts it. */
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

/* Two drives of one name in one file are a mistake, and not for us to hide: only the
 * first of them is merged, into what the earlier files had. */
static int
merge_storage(json_object *base, json_object *later, struct maqet_error **err)
{
    _cleanup_json_ json_object *bases = name_entries(base);
    _cleanup_json_ json_object *laters = name_entries(later);

    for (size_t i = 0; i < json_object_array_length(later); i++) {
        json_object *entry = json_object_array_get_idx(later, i);
        const char *name = maqet_tree_text(entry, "name");
        json_object *earlier = NULL;

        if (name && json_object_object_get(laters, name) == entry)
            json_object_object_get_ex(bases, name, &earlier);
        if (!earlier)
            maqet_tree_append(base, json_object_get(entry),
                              maqet_tree_place_of_item(later, i));
        else if (merge_mapping(earlier, entry, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- everything else ---- */

static void
replace(json_object *base, const char *key, json_object *value, json_object *later)
{
    maqet_tree_set(base, key, value, maqet_tree_place_of_key(later, key),
                   maqet_tree_place_of_value(later, key));
}

static int
clash(json_object *base, json_object *later, const char *key, json_object *earlier_value,
      json_object *value, struct maqet_error **err)
{
    struct maqet_place place = maqet_tree_place_of_value(base, key);
    _cleanup_free_ char *earlier = maqet_place_text(place);

    return maqet_place_invalid(maqet_tree_place_of_value(later, key), err,
                               "'%s' is %s here, but %s at %s: they cannot be merged",
                               key, maqet_tree_kind(value),
                               maqet_tree_kind(earlier_value), earlier);
}

/* Appends all items. */
static void
concatenate(json_object *base, json_object *later)
{
    for (size_t i = 0; i < json_object_array_length(later); i++)
        maqet_tree_append(base, json_object_get(json_object_array_get_idx(later, i)),
                          maqet_tree_place_of_item(later, i));
}

static int
merge_value(json_object *base, json_object *later, const char *key,
            struct maqet_error **err)
{
    json_object *earlier = NULL, *value = NULL;

    json_object_object_get_ex(base, key, &earlier);
    json_object_object_get_ex(later, key, &value);
    bool is_mapping = json_object_is_type(value, json_type_object);
    bool is_list = json_object_is_type(value, json_type_array);
    bool was_mapping = json_object_is_type(earlier, json_type_object);
    bool was_list = json_object_is_type(earlier, json_type_array);

    /* A key with nothing below it adds nothing; it takes a text back, but no whole list.
     */
    if (!value && (was_mapping || was_list))
        return 0;
    if (!earlier || (!is_mapping && !is_list && !was_mapping && !was_list)) {
        replace(base, key, json_object_get(value), later);
        return 0;
    }
    if (is_mapping && was_mapping)
        return merge_mapping(earlier, value, err);
    if (!is_list || !was_list)
        return clash(base, later, key, earlier, value, err);
    concatenate(earlier, value);
    return 0;
}

static int
merge_mapping(json_object *base, json_object *later, struct maqet_error **err)
{
    json_object_object_foreach(later, key, value)
    {
        (void)value;
        if (merge_value(base, later, key, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_merge(json_object *base, json_object *later, struct maqet_error **err)
{
    json_object_object_foreach(later, key, value)
    {
        json_object *earlier = NULL;
        int result;

        json_object_object_get_ex(base, key, &earlier);
        bool lists = json_object_is_type(value, json_type_array) &&
                     json_object_is_type(earlier, json_type_array);
        if (lists && strcmp(key, "arguments") == 0) {
            replace(base, key, merge_arguments(earlier, value), later);
            result = 0;
        } else if (lists && strcmp(key, "storage") == 0) {
            result = merge_storage(earlier, value, err);
        } else {
            result = merge_value(base, later, key, err);
        }
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- `--set`: a small tree, merged like one more file ---- */

/* One assignment, taken apart. It has no lines: its place is the whole of it. */
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
wrong(const struct assignment *assignment, struct maqet_error **err, const char *message)
{
    return maqet_place_invalid(assignment->place, err, "%s", message);
}

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
    /* 'a': b has become a mapping that nobody meant. */
    if (strchr("\"'", text[0]) &&
        !json_object_is_type(assignment->value, json_type_string))
        return wrong(assignment, err, "the value goes on after its closing quote");
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
nested(struct assignment *assignment, const char *key)
{
    const char *dot = strchr(key, '.');

    if (!dot)
        return mapping_of(key, TAKE_PTR(assignment->value), assignment->place);
    _cleanup_free_ char *outer = maqet_strndup(key, (size_t)(dot - key));
    return mapping_of(outer, nested(assignment, dot + 1), assignment->place);
}

/* The drive whose name a dotted path begins with. Names may hold dots: the longest
 * counts. */
static const char *
find_drive(json_object *tree, const char *path, struct maqet_strings *names)
{
    const char *found = NULL;
    json_object *list = NULL;

    json_object_object_get_ex(tree, "storage", &list);
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

/* A drive that the files don't have is more likely a slip of the finger than a new drive,
 * which would come into being unasked. Returns NULL. */
static json_object *
no_drive(const struct assignment *assignment, const char *path,
         const struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_free_ char *written = maqet_strndup(path, strcspn(path, "."));
    _cleanup_free_ char *joined = maqet_strings_join(names, ", ");
    const char *closest = maqet_text_closest(written, names);
    _cleanup_free_ char *known = maqet_text_readable(closest ? closest : joined);

    if (closest)
        maqet_place_invalid(assignment->place, err,
                            "there is no drive '%s'; did you mean '%s'?", written, known);
    else
        maqet_place_invalid(assignment->place, err,
                            "there is no drive '%s'; the drives are: %s", written,
                            *known ? known : "none");
    return NULL;
}

static json_object *
drive_tree(struct assignment *assignment, json_object *tree, const char *path,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    const char *drive = find_drive(tree, path, &names);

    if (!drive)
        return no_drive(assignment, path, &names, err);
    const char *key = path + strlen(drive) + 1;
    if (strcmp(key, "name") == 0) {
        wrong(assignment, err, "the name of a drive cannot be changed");
        return NULL;
    }
    json_object *entry = nested(assignment, key);
    maqet_tree_set(entry, "name", json_object_new_string(drive), assignment->place,
                   assignment->place);
    return mapping_of("storage", list_of(entry, assignment->place), assignment->place);
}

static json_object *
assignment_tree(struct assignment *assignment, json_object *tree,
                struct maqet_error **err)
{
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
    if (maqet_text_starts(key, "sandbox.") && dot[1] && !strchr(dot + 1, '.'))
        return nested(assignment, key);
    wrong(assignment, err,
          "a key is one of the top level, or storage.DRIVE.KEY, arguments.OPTION or "
          "sandbox.KEY");
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
        return wrong(&parts, err, "this is not KEY=VALUE, such as memory=2G");
    parts.key = maqet_strndup(assignment, (size_t)(equals - assignment));
    if (read_value(&parts, equals + 1, err) < 0)
        return -1;
    _cleanup_json_ json_object *later = assignment_tree(&parts, tree, err);
    return later ? maqet_merge(tree, later, err) : -1;
}
