/* SPDX-License-Identifier: MIT */
#include "core/machine/entries.h"

#include <string.h>

#include "core/machine/cloud_init.h"
#include "core/machine/firmware.h"

static json_object *
list_of(const struct maqet_definition *definition)
{
    json_object *list = json_object_object_get(definition->tree, "storage");

    return json_object_is_type(list, json_type_array) ? list : NULL;
}

/* The index of a drive's entry in a list; its length: it has none. */
static size_t
index_of(json_object *list, const char *name)
{
    size_t i = 0, count = list ? json_object_array_length(list) : 0;

    for (; i < count; i++) {
        const char *its = maqet_tree_text(json_object_array_get_idx(list, i), "name");

        if (its && strcmp(its, name) == 0)
            break;
    }
    return i;
}

json_object *
maqet_entries_find(const struct maqet_definition *definition, const char *name)
{
    json_object *list = list_of(definition);

    return list ? json_object_array_get_idx(list, index_of(list, name)) : NULL;
}

/* The key that adds a drive of that name. */
static const char *
key_of(const char *name)
{
    static const struct {
        const char *name, *key;
    } drives[] = {{MAQET_CLOUD_INIT_DRIVE, "cloud_init"},
                  {MAQET_FIRMWARE_DRIVE, "firmware"}};

    for (size_t i = 0; i < sizeof(drives) / sizeof(*drives); i++)
        if (strcmp(drives[i].name, name) == 0)
            return drives[i].key;
    return "storage";
}

json_object *
maqet_entries_find_own(const struct maqet_definition *definition,
                       const struct maqet_drive *drive, struct maqet_error **err)
{
    json_object *entry = maqet_entries_find(definition, drive->name);

    if (entry)
        return entry;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "it is not changed by itself, because the key '%s' adds it",
                      key_of(drive->name));
    maqet_error_next(err, MAQET_NEXT_APPLY, definition->name, NULL);
    return NULL;
}

/* A list has the places of its items, so another one is a new one. @entry replaces the item
 * at that index; NULL: that is left out. */
static void
replace_item(struct maqet_definition *definition, size_t index, json_object *entry)
{
    json_object *list = list_of(definition), *tree = definition->tree;
    json_object *items = maqet_tree_sequence(maqet_tree_place(list));

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = i == index ? entry : json_object_array_get_idx(list, i);

        if (item)
            maqet_tree_append(items, json_object_get(item),
                              i == index ? maqet_tree_place(entry)
                                         : maqet_tree_place_of_item(list, i));
    }
    maqet_tree_set(tree, "storage", items, maqet_tree_place_of_key(tree, "storage"),
                   maqet_tree_place_of_value(tree, "storage"));
}

void
maqet_entries_put(struct maqet_definition *definition, json_object *entry)
{
    struct maqet_place place = maqet_tree_place(entry);
    size_t index = index_of(list_of(definition), maqet_tree_text(entry, "name"));

    if (!list_of(definition))
        maqet_tree_set(definition->tree, "storage", maqet_tree_sequence(place), place,
                       place);
    if (index < json_object_array_length(list_of(definition)))
        replace_item(definition, index, entry);
    else
        maqet_tree_append(list_of(definition), json_object_get(entry), place);
}

bool
maqet_entries_remove(struct maqet_definition *definition, const char *name)
{
    json_object *list = list_of(definition);
    size_t index = index_of(list, name);

    if (!list || index == json_object_array_length(list))
        return false;
    replace_item(definition, index, NULL);
    return true;
}
