/* SPDX-License-Identifier: MIT */
#include "core/machine/cloud_init.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/options.h"

static const char key_name[] = "cloud_init";

const struct maqet_option maqet_cloud_init_options[] = {
    {MAQET_OPTION("user_data", STRING,
                  "what cloud-init is to do: a text, or the path of a file")},
    {MAQET_OPTION("meta_data", STRING, "lines about the machine, likewise")},
    {MAQET_OPTION("network_config", STRING, "the guest's network, likewise")},
    {.name = NULL},
};

/* Each text for cloud-init has either several lines or, in the first, a comment. */
static bool
is_text(const char *value)
{
    return value[0] == '#' || strchr(value, '\n');
}

/* cloud-init's own YAML distinguishes "on" from on, which a tree does not. */
static int
check_is_text(json_object *mapping, const char *key, struct maqet_error **err)
{
    json_object *value = json_object_object_get(mapping, key);

    if (!maqet_tree_is_container(value))
        return 0;
    maqet_place_invalid(maqet_tree_place_of_value(mapping, key), err,
                        "'%s' in '%s' is %s; it must be a text, which cloud-init gets as "
                        "it is, or the path of a file",
                        key, key_name, maqet_tree_kind(value));
    maqet_error_hint(err, "Write `%s: |`, and the text below it", key);
    return -1;
}

/* A drive of that name would be a second one. */
static int
check_drives(json_object *tree, struct maqet_error **err)
{
    json_object *list = json_object_object_get(tree, "storage");

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *name = maqet_tree_text(entry, "name");

        if (name && strcmp(name, MAQET_CLOUD_INIT_DRIVE) == 0)
            return maqet_place_invalid(
                maqet_tree_place_of_value(entry, "name"), err,
                "'%s' is the name of the drive that the key '%s' adds; give this one "
                "another name",
                name, key_name);
    }
    return 0;
}

static void
make_absolute(json_object *mapping, const char *key)
{
    struct maqet_place place = maqet_tree_place_of_value(mapping, key);
    const char *value = maqet_tree_text(mapping, key);
    _cleanup_free_ char *path =
        value && !is_text(value)
            ? maqet_path_absolute(value, place.folder ? place.folder : "/")
            : NULL;

    if (path && strcmp(path, value) != 0)
        maqet_tree_set(mapping, key, json_object_new_string(path),
                       maqet_tree_place_of_key(mapping, key), place);
}

int
maqet_cloud_init_check(json_object *tree, struct maqet_error **err)
{
    json_object *mapping = json_object_object_get(tree, key_name);

    struct maqet_error *error = NULL; /* of one key */
    bool wrong = false;

    if (!json_object_is_type(mapping, json_type_object))
        return 0;
    for (const struct maqet_option *row = maqet_cloud_init_options; row->name; row++) {
        if (check_is_text(mapping, row->name, &error) == 0)
            make_absolute(mapping, row->name);
        else /* which is said once, and not again by the check of the options */
            json_object_object_del(mapping, row->name);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    check_drives(tree, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

/* Where its key stands, if it has one. */
static void
set(json_object *entry, const char *key, const char *value, struct maqet_place place)
{
    maqet_tree_set(entry, key, json_object_new_string(value), place, place);
}

json_object *
maqet_cloud_init_entry(json_object *tree, const char *uuid)
{
    json_object *mapping = json_object_object_get(tree, key_name);

    if (!json_object_is_type(mapping, json_type_object))
        return NULL;
    json_object *entry = maqet_tree_mapping(maqet_tree_place_of_key(tree, key_name));
    struct maqet_place place = maqet_tree_place(entry);
    set(entry, "name", MAQET_CLOUD_INIT_DRIVE, place);
    set(entry, "type", MAQET_CLOUD_INIT_STORAGE, place);
    set(entry, "instance_id", uuid, place);
    for (const struct maqet_option *row = maqet_cloud_init_options; row->name; row++) {
        const char *value = maqet_tree_text(mapping, row->name);
        _cleanup_free_ char *key =
            maqet_format("%s%s", row->name, value && is_text(value) ? "" : "_file");

        if (value)
            set(entry, key, value, maqet_tree_place_of_value(mapping, row->name));
    }
    return entry;
}
