/* SPDX-License-Identifier: MIT */
/* assign.c - `--set KEY=VALUE` as a small tree, to be merged like one more file. */
#include <string.h>

#include "core/config/merge.h"
#include "core/config/yaml.h"

/* Reads the value: a flow collection as YAML, anything else as the text that it is. */
static int
read_value(const char *text, struct maqet_place place, json_object **value,
           struct maqet_error **err)
{
    *value = NULL;
    if (strcmp(text, "null") == 0 || strcmp(text, "~") == 0 || !*text)
        return 0;
    if (!strchr("[{\"'", text[0])) {
        *value = json_object_new_string(text);
        return 0;
    }
    *value = maqet_yaml_parse(text, strlen(text), place.file, place.folder, err);
    return *value ? 0 : -1;
}

/* A mapping with one key. Takes the value. */
static json_object *
single(const char *key, json_object *value, struct maqet_place place)
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

/* "storage.DRIVE.KEY": DRIVE may hold dots itself, so the last one parts it from KEY. */
static json_object *
drive_tree(const char *path, json_object *value, struct maqet_place place)
{
    const char *dot = strrchr(path, '.');
    _cleanup_free_ char *name = maqet_strndup(path, (size_t)(dot - path));
    json_object *entry = single("name", json_object_new_string(name), place);

    maqet_tree_set(entry, dot + 1, value, place, place);
    return single("storage", list_of(entry, place), place);
}

json_object *
maqet_assignment_parse(const char *assignment, const char *folder, struct maqet_error **err)
{
    const char *equals = strchr(assignment, '=');
    _cleanup_free_ char *file = maqet_format("--set %s", assignment);
    struct maqet_place place = {.file = file, .folder = folder};
    json_object *value;

    if (!equals || equals == assignment) {
        maqet_error_set(err, MAQET_ERROR_INVALID, "--set %s: this is not KEY=VALUE",
                        assignment);
        return NULL;
    }
    _cleanup_free_ char *key = maqet_strndup(assignment, (size_t)(equals - assignment));
    if (read_value(equals + 1, place, &value, err) < 0)
        return NULL;
    if (maqet_text_starts(key, "arguments.") && key[10])
        return single("arguments", list_of(single(key + 10, value, place), place), place);
    if (maqet_text_starts(key, "storage.") && strchr(key + 8, '.') &&
        strrchr(key, '.')[1] && key[8] != '.')
        return drive_tree(key + 8, value, place);
    if (strchr(key, '.')) {
        json_object_put(value);
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "--set %s: a key is a top-level one, storage.DRIVE.KEY or "
                        "arguments.OPTION",
                        assignment);
        return NULL;
    }
    return single(key, value, place);
}
