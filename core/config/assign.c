/* SPDX-License-Identifier: MIT */
/* assign.c - `--set KEY=VALUE`: a small tree, merged like one more file. */
#include "core/config/assign.h"

#include "core/config/merge.h"

#include <string.h>

#include "core/config/yaml.h"

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
    return maqet_place_error(assignment->place, err, MAQET_ERROR_INVALID, "%s", message);
}

/* ---- the value ---- */

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

/* ---- from the key to a tree ---- */

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

/*
 * A drive that the files don't have is more likely a slip of the finger than a new drive,
 * which would come into being unasked. Returns NULL.
 */
static json_object *
no_drive(const struct assignment *assignment, const char *path,
         const struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_free_ char *written = maqet_strndup(path, strcspn(path, "."));
    _cleanup_free_ char *joined = maqet_strings_join(names, ", ");
    const char *closest = maqet_text_closest(written, names);
    _cleanup_free_ char *known = maqet_text_readable(closest ? closest : joined);

    if (closest)
        maqet_place_error(assignment->place, err, MAQET_ERROR_INVALID,
                          "there is no drive '%s'; did you mean '%s'?", written, known);
    else
        maqet_place_error(assignment->place, err, MAQET_ERROR_INVALID,
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
