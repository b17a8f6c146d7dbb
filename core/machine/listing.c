/* SPDX-License-Identifier: MIT */
#include "core/machine/listing.h"

#include <string.h>

#include "core/qemu/arguments.h"

void
maqet_listing_clear(struct maqet_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->items[i].key);
        free(listing->items[i].value);
        free(listing->items[i].origin);
    }
    free(listing->items);
    *listing = (struct maqet_listing){0};
}

/* ---- one key ---- */

/* The place without the column, which does not help to find a key. The caller frees. */
static char *
origin_text(struct maqet_place place)
{
    char *text = maqet_place_text(place);
    char *colon = strrchr(text, ':');
    _cleanup_free_ char *end = maqet_format(":%u:%u", place.line, place.column);

    if (colon && place.line > 0 && maqet_text_ends(text, end))
        *colon = '\0';
    return text;
}

/* Takes the key and the value. */
static void
add(struct maqet_listing *listing, char *key, char *value, struct maqet_place place)
{
    *MAQET_APPEND(listing->items, listing->count) = (struct maqet_listed_key){
        .key = key, .value = value, .origin = origin_text(place)};
}

void
maqet_listing_add_default(struct maqet_listing *listing, const char *key,
                          const char *value)
{
    *MAQET_APPEND(listing->items, listing->count) =
        (struct maqet_listed_key){.key = maqet_strdup(key),
                                  .value = maqet_strdup(value),
                                  .origin = maqet_strdup("default")};
}

const struct maqet_listed_key *
maqet_listing_find(const struct maqet_listing *listing, const char *key)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->items[i].key, key) == 0)
            return &listing->items[i];
    return NULL;
}

/* ---- a whole tree ---- */

/* What is to be added: a value, and another one whose keys give the order. */
struct ordered {
    json_object *value;
    json_object *like; /* may be NULL, or of another kind */
};

static void add_value(struct maqet_listing *listing, const char *key,
                      struct ordered ordered, struct maqet_place place);

static char *
key_within(const char *prefix, const char *key)
{
    return *prefix ? maqet_format("%s.%s", prefix, key) : maqet_strdup(key);
}

/* The items of a list of texts in one line, or NULL. The caller frees. */
static char *
list_text(json_object *list)
{
    _cleanup_strings_ struct maqet_strings items = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (maqet_tree_is_container(item))
            return NULL;
        maqet_strings_add(&items, item ? json_object_get_string(item) : "null");
    }
    _cleanup_free_ char *joined = maqet_strings_join(&items, ", ");
    return maqet_format("[%s]", joined);
}

/* The item of a list with that name. */
static json_object *
named_item(json_object *list, const char *name)
{
    if (!name || !json_object_is_type(list, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *its = maqet_tree_text(item, "name");

        if (its && strcmp(its, name) == 0)
            return item;
    }
    return NULL;
}

static void
add_list(struct maqet_listing *listing, const char *key, struct ordered list,
         struct maqet_place place)
{
    char *text = list_text(list.value);

    if (text) {
        add(listing, maqet_strdup(key), text, place);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list.value); i++) {
        json_object *item = json_object_array_get_idx(list.value, i);
        const char *name = maqet_tree_text(item, "name");
        _cleanup_free_ char *number = maqet_format("%zu", i + 1);
        _cleanup_free_ char *inner = key_within(key, name ? name : number);

        add_value(listing, inner, (struct ordered){item, named_item(list.like, name)},
                  maqet_tree_place_of_item(list.value, i));
    }
}

static void
add_arguments(struct maqet_listing *listing, json_object *list)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++)
        add(listing, maqet_format("arguments.%s", arguments.items[i].name),
            maqet_strdup(arguments.items[i].value), arguments.items[i].place);
}

static void
add_key(struct maqet_listing *listing, const char *prefix, struct ordered mapping,
        const char *key)
{
    _cleanup_free_ char *inner = key_within(prefix, key);
    struct ordered ordered = {json_object_object_get(mapping.value, key),
                              json_object_object_get(mapping.like, key)};

    if (strcmp(inner, "arguments") == 0)
        add_arguments(listing, ordered.value);
    else
        add_value(listing, inner, ordered, maqet_tree_place_of_value(mapping.value, key));
}

static void
add_mapping(struct maqet_listing *listing, const char *prefix, struct ordered mapping)
{
    if (!json_object_is_type(mapping.like, json_type_object))
        mapping.like = mapping.value;
    json_object_object_foreach(mapping.like, shared, other)
    {
        (void)other;
        if (json_object_object_get_ex(mapping.value, shared, NULL))
            add_key(listing, prefix, mapping, shared);
    }
    json_object_object_foreach(mapping.value, key, value)
    {
        (void)value;
        if (!json_object_object_get_ex(mapping.like, key, NULL))
            add_key(listing, prefix, mapping, key);
    }
}

static void
add_value(struct maqet_listing *listing, const char *key, struct ordered ordered,
          struct maqet_place place)
{
    json_object *value = ordered.value;

    if (json_object_is_type(value, json_type_object))
        add_mapping(listing, key, ordered);
    else if (json_object_is_type(value, json_type_array))
        add_list(listing, key, ordered, place);
    else
        add(listing, maqet_strdup(key), maqet_strdup(json_object_get_string(value)),
            place);
}

void
maqet_listing_add(struct maqet_listing *listing, json_object *tree, json_object *like)
{
    add_mapping(listing, "", (struct ordered){tree, like});
}

/* ---- comparing ---- */

static bool
is_same_key(const struct maqet_listed_key *one, const struct maqet_listed_key *other)
{
    return strcmp(one->key, other->key) == 0 && !one->value == !other->value &&
           (!one->value || strcmp(one->value, other->value) == 0);
}

/* Of a key that may be repeated, such as an argument: how often it has the value. */
static size_t
count_of(const struct maqet_listing *listing, const struct maqet_listed_key *wanted)
{
    size_t count = 0;

    for (size_t i = 0; i < listing->count; i++)
        count += is_same_key(&listing->items[i], wanted);
    return count;
}

static void
add_missing(const struct maqet_listing *from, const struct maqet_listing *in,
            struct maqet_strings *keys)
{
    for (size_t i = 0; i < from->count; i++)
        if (count_of(from, &from->items[i]) > count_of(in, &from->items[i]) &&
            !maqet_strings_has(keys, from->items[i].key))
            maqet_strings_add(keys, from->items[i].key);
}

void
maqet_listing_differences(json_object *before, json_object *after,
                          struct maqet_strings *keys)
{
    _cleanup_listing_ struct maqet_listing then = {0}, now = {0};

    if (json_object_equal(before, after))
        return;
    maqet_listing_add(&then, before, NULL);
    maqet_listing_add(&now, after, NULL);
    add_missing(&then, &now, keys);
    add_missing(&now, &then, keys);
    if (keys->count > 0)
        return;
    /* Only the order differs, or an empty mapping. */
    json_object_object_foreach(after, key, value)
    {
        if (!json_object_equal(json_object_object_get(before, key), value))
            maqet_strings_add(keys, key);
    }
}
