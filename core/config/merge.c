/* SPDX-License-Identifier: MIT */
#include "core/config/merge.h"

#include <string.h>

/* ---- what QEMU takes once ---- */

/* An option's name without its dashes; -M is a short way to say -machine. */
static const char *
plain_option(const char *option)
{
    option += strspn(option, "-");
    return strcmp(option, "M") == 0 ? "machine" : option;
}

static bool
is_single(const char *option)
{
    static const char *const single[] = {"m",      "smp",    "machine", "cpu",   "display",
                                         "vga",    "kernel", "initrd",  "append", "accel"};

    for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
        if (strcmp(plain_option(option), single[i]) == 0)
            return true;
    return false;
}

/* Takes an option out of the items before @end of the list. */
static void
drop_option(json_object *list, size_t end, const char *option)
{
    for (size_t i = 0; i < end && i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        _cleanup_strings_ struct maqet_strings same = MAQET_STRINGS_INIT;

        if (!json_object_is_type(item, json_type_object))
            continue;
        json_object_object_foreach(item, key, unused)
        {
            (void)unused;
            if (strcmp(plain_option(key), plain_option(option)) == 0)
                maqet_strings_add(&same, key);
        }
        for (size_t j = 0; j < same.count; j++)
            json_object_object_del(item, same.items[j]);
    }
}

/* Moves the items into a new list, without those that have nothing left in them. */
static json_object *
without_empty(json_object *list)
{
    json_object *kept = maqet_tree_sequence(maqet_tree_place(list));

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_object) ||
            json_object_object_length(item) > 0)
            maqet_tree_append(kept, json_object_get(item),
                              maqet_tree_place_of_item(list, i));
    }
    return kept;
}

/* Returns the list that both make. */
static json_object *
merge_arguments(json_object *base, json_object *later)
{
    size_t count = json_object_array_length(base);
    _cleanup_json_ json_object *joined = maqet_tree_copy(base);

    for (size_t i = 0; i < json_object_array_length(later); i++) {
        json_object *item = json_object_array_get_idx(later, i);

        maqet_tree_append(joined, maqet_tree_copy(item), maqet_tree_place_of_item(later, i));
        if (!json_object_is_type(item, json_type_object))
            continue;
        json_object_object_foreach(item, key, unused)
        {
            (void)unused;
            if (is_single(key))
                drop_option(joined, count, key);
        }
    }
    return without_empty(joined);
}

/* ---- the storage list ---- */

static int merge_mappings(json_object *base, json_object *later, bool top,
                          struct maqet_error **err);

static json_object *
find_named(json_object *list, size_t end, const char *name)
{
    for (size_t i = 0; name && i < end; i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *other = json_object_is_type(entry, json_type_object)
                                ? maqet_tree_text(entry, "name")
                                : NULL;

        if (other && strcmp(other, name) == 0)
            return entry;
    }
    return NULL;
}

static int
merge_storage(json_object *base, json_object *later, struct maqet_error **err)
{
    /* Two of one name in one file are a mistake, which is found later: only what the earlier
     * files had is merged into. */
    size_t count = json_object_array_length(base);

    for (size_t i = 0; i < json_object_array_length(later); i++) {
        json_object *entry = json_object_array_get_idx(later, i);
        const char *name = json_object_is_type(entry, json_type_object)
                               ? maqet_tree_text(entry, "name")
                               : NULL;
        json_object *earlier = find_named(base, count, name);

        if (!earlier)
            maqet_tree_append(base, maqet_tree_copy(entry),
                              maqet_tree_place_of_item(later, i));
        else if (merge_mappings(earlier, entry, false, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- everything else ---- */

static const char *
kind_of(json_object *value)
{
    return json_object_is_type(value, json_type_object)  ? "a mapping"
           : json_object_is_type(value, json_type_array) ? "a list"
                                                         : "one value";
}

static void
append_all(json_object *base, json_object *later)
{
    for (size_t i = 0; i < json_object_array_length(later); i++)
        maqet_tree_append(base, maqet_tree_copy(json_object_array_get_idx(later, i)),
                          maqet_tree_place_of_item(later, i));
}

static void
replace(json_object *base, json_object *later, const char *key, json_object *value)
{
    maqet_tree_set(base, key, value, maqet_tree_place_of_key(later, key),
                   maqet_tree_place_of_value(later, key));
}

static int
merge_key(json_object *base, json_object *later, const char *key, bool top,
          struct maqet_error **err)
{
    json_object *before = NULL, *after = NULL;

    json_object_object_get_ex(base, key, &before);
    json_object_object_get_ex(later, key, &after);
    if (!before || !after) {
        replace(base, later, key, maqet_tree_copy(after));
        return 0;
    }
    if (json_object_get_type(before) != json_object_get_type(after)) {
        _cleanup_free_ char *first = maqet_place_text(maqet_tree_place_of_value(base, key));
        return maqet_place_error(maqet_tree_place_of_value(later, key), err,
                                 MAQET_ERROR_INVALID,
                                 "'%s' is %s here and %s at %s; they can't be merged", key,
                                 kind_of(after), kind_of(before), first);
    }
    if (json_object_is_type(after, json_type_object))
        return merge_mappings(before, after, false, err);
    if (!json_object_is_type(after, json_type_array))
        replace(base, later, key, maqet_tree_copy(after));
    else if (top && strcmp(key, "arguments") == 0)
        replace(base, later, key, merge_arguments(before, after));
    else if (top && strcmp(key, "storage") == 0)
        return merge_storage(before, after, err);
    else
        append_all(before, after);
    return 0;
}

static int
merge_mappings(json_object *base, json_object *later, bool top, struct maqet_error **err)
{
    json_object_object_foreach(later, key, unused)
    {
        (void)unused;
        if (merge_key(base, later, key, top, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_merge(json_object *base, json_object *later, struct maqet_error **err)
{
    return merge_mappings(base, later, true, err);
}
