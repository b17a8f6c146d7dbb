/* SPDX-License-Identifier: MIT */
#include "core/config/tree.h"

#include <string.h>

#include "core/base/files.h"

struct maqet_source {
    size_t references;
    char *file;
    char *folder;
};

/* The user data of a container. Each place has a reference to its source. */
struct places {
    struct maqet_place own;
    struct maqet_place *items; /* of a sequence */
    size_t count, room;
    struct lh_table *keys; /* of a mapping: struct key_places by key; may be NULL */
};

struct key_places {
    struct maqet_place of_key, of_value;
};

/* ---- sources ---- */

struct maqet_source *
maqet_source_new(const char *file, const char *folder)
{
    struct maqet_source *source = maqet_alloc(sizeof(*source));

    *source = (struct maqet_source){
        .references = 1, .file = maqet_strdup(file), .folder = maqet_strdup(folder)};
    return source;
}

void
maqet_source_put(struct maqet_source *source)
{
    if (!source || --source->references > 0)
        return;
    free(source->file);
    free(source->folder);
    free(source);
}

struct maqet_place
maqet_source_place(struct maqet_source *source, unsigned line, unsigned column)
{
    return (struct maqet_place){.file = source->file,
                                .folder = source->folder,
                                .line = line,
                                .column = column,
                                .source = source};
}

/* The place with a reference of its own; all zero if it is not known. */
static struct maqet_place
take_reference(struct maqet_place place)
{
    struct maqet_source *source = place.source;

    if (!place.file && !place.folder)
        return (struct maqet_place){0};
    if (source)
        source->references++;
    else
        source = maqet_source_new(place.file, place.folder);
    return maqet_source_place(source, place.line, place.column);
}

/* ---- the places of a container ---- */

static void
free_key(struct lh_entry *entry)
{
    struct key_places *places = lh_entry_v(entry);

    maqet_source_put(places->of_key.source);
    maqet_source_put(places->of_value.source);
    free(places);
    free(lh_entry_k(entry)); /* also used by the container */
}

static void
delete_places(json_object *container, void *data)
{
    struct places *places = data;

    (void)container;
    maqet_source_put(places->own.source);
    for (size_t i = 0; i < places->count; i++)
        maqet_source_put(places->items[i].source);
    if (places->keys)
        lh_table_free(places->keys);
    free(places->items);
    free(places);
}

/* NULL for containers of others, such as those of json-c's parser. */
static struct places *
places_of(json_object *container)
{
    return maqet_tree_is_container(container) ? json_object_get_userdata(container)
                                              : NULL;
}

static struct places *
places_made(json_object *container)
{
    struct places *places = places_of(container);

    if (places)
        return places;
    places = maqet_alloc(sizeof(*places));
    json_object_set_userdata(container, places, delete_places);
    return places;
}

/* ---- building ---- */

static json_object *
set_place(json_object *container, struct maqet_place place)
{
    if (!container)
        abort();
    places_made(container)->own = take_reference(place);
    return container;
}

json_object *
maqet_tree_mapping(struct maqet_place place)
{
    return set_place(json_object_new_object(), place);
}

json_object *
maqet_tree_sequence(struct maqet_place place)
{
    return set_place(json_object_new_array(), place);
}

/* The entry of a key, which may be a new one, without places. */
static struct lh_entry *
entry_made(struct places *places, const char *key)
{
    if (!places->keys)
        places->keys = lh_kchar_table_new(16, free_key);
    if (!places->keys)
        abort();
    struct lh_entry *entry = lh_table_lookup_entry(places->keys, key);
    if (!entry && lh_table_insert(places->keys, maqet_strdup(key),
                                  maqet_alloc(sizeof(struct key_places))) < 0)
        abort();
    return entry ? entry : lh_table_lookup_entry(places->keys, key);
}

void
maqet_tree_set(json_object *mapping, const char *key, json_object *value,
               struct maqet_place of_key, struct maqet_place of_value)
{
    struct lh_entry *entry = entry_made(places_made(mapping), key);
    struct key_places *places = lh_entry_v(entry), before = *places;

    places->of_key = take_reference(of_key);
    places->of_value = take_reference(of_value);
    /* Last, since the strings may belong to the earlier places. */
    maqet_source_put(before.of_key.source);
    maqet_source_put(before.of_value.source);
    /* Both tables share the copy of the key, which lives as long as the container. */
    if (json_object_object_add_ex(mapping, lh_entry_k(entry), value,
                                  JSON_C_OBJECT_KEY_IS_CONSTANT) < 0)
        abort();
}

void
maqet_tree_append(json_object *sequence, json_object *value, struct maqet_place place)
{
    struct places *places = places_made(sequence);
    size_t index = json_object_array_length(sequence);
    struct maqet_place kept = take_reference(place);

    while (places->count > index) /* items were removed without us, */
        maqet_source_put(places->items[--places->count].source);
    if (index >= places->room) {
        places->room = 2 * index + 8;
        places->items =
            maqet_realloc(places->items, places->room * sizeof(*places->items));
    }
    while (places->count < index) /* or added */
        places->items[places->count++] = (struct maqet_place){0};
    places->items[places->count++] = kept;
    if (json_object_array_add(sequence, value) < 0)
        abort();
}

/* ---- reading ---- */

struct maqet_place
maqet_tree_place(json_object *container)
{
    const struct places *places = places_of(container);

    return places ? places->own : (struct maqet_place){0};
}

static struct maqet_place
place_or(struct maqet_place place, json_object *container)
{
    return place.source ? place : maqet_tree_place(container);
}

static struct key_places
places_of_key(json_object *mapping, const char *key)
{
    const struct places *places = places_of(mapping);
    void *found;

    return places && places->keys && json_object_object_get_ex(mapping, key, NULL) &&
                   lh_table_lookup_ex(places->keys, key, &found)
               ? *(struct key_places *)found
               : (struct key_places){0};
}

struct maqet_place
maqet_tree_place_of_key(json_object *mapping, const char *key)
{
    return place_or(places_of_key(mapping, key).of_key, mapping);
}

struct maqet_place
maqet_tree_place_of_value(json_object *mapping, const char *key)
{
    return place_or(places_of_key(mapping, key).of_value, mapping);
}

struct maqet_place
maqet_tree_place_of_item(json_object *sequence, size_t index)
{
    const struct places *places = places_of(sequence);

    return places && index < places->count ? place_or(places->items[index], sequence)
                                           : maqet_tree_place(sequence);
}

const char *
maqet_tree_text(json_object *mapping, const char *key)
{
    json_object *value = json_object_object_get(mapping, key);

    return value && !maqet_tree_is_container(value) ? json_object_get_string(value)
                                                    : NULL;
}

bool
maqet_tree_is_container(json_object *value)
{
    return json_object_is_type(value, json_type_object) ||
           json_object_is_type(value, json_type_array);
}

const char *
maqet_tree_kind(json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return "a mapping";
    return json_object_is_type(value, json_type_array) ? "a list" : "a text";
}

/* ---- copying ---- */

json_object *
maqet_tree_copy(json_object *tree)
{
    json_object *copy = NULL;

    if (json_object_is_type(tree, json_type_object)) {
        copy = maqet_tree_mapping(maqet_tree_place(tree));
        json_object_object_foreach(tree, key, value) maqet_tree_set(
            copy, key, maqet_tree_copy(value), maqet_tree_place_of_key(tree, key),
            maqet_tree_place_of_value(tree, key));
    } else if (json_object_is_type(tree, json_type_array)) {
        copy = maqet_tree_sequence(maqet_tree_place(tree));
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            maqet_tree_append(copy, maqet_tree_copy(json_object_array_get_idx(tree, i)),
                              maqet_tree_place_of_item(tree, i));
    } else if (tree && json_object_deep_copy(tree, &copy, NULL) < 0) {
        abort();
    }
    return copy;
}

/* ---- places in messages ---- */

struct maqet_place
maqet_place_of_secret(struct maqet_place place, char **file)
{
    bool assigned = place.file && maqet_text_starts(place.file, "--set ");

    *file = assigned ? maqet_strndup(place.file, strcspn(place.file, "=")) : NULL;
    if (assigned)
        place.file = *file;
    return place;
}

char *
maqet_place_text(struct maqet_place place)
{
    if (!place.file)
        return maqet_strdup("");
    const char *name = strcmp(place.file, "-") == 0                  ? "standard input"
                       : strcmp(place.file, MAQET_PLACE_EDITED) == 0 ? "maqet edit"
                                                                     : place.file;
    /* A line and column would not help in a command line. */
    if (place.line == 0 || maqet_text_starts(place.file, "--"))
        return maqet_strdup(name);
    return maqet_format("%s:%u:%u", name, place.line, place.column);
}

int
maqet_place_wrap(struct maqet_place place, struct maqet_error **err)
{
    if (!err || !*err || !place.file)
        return -1;
    free((*err)->file);
    (*err)->file = maqet_strdup(place.file);
    (*err)->line = place.line;
    (*err)->column = place.column;
    _cleanup_free_ char *text = maqet_place_text(place);
    return maqet_error_wrap(err, "%s", text);
}

int
maqet_place_error(struct maqet_place place, struct maqet_error **err,
                  enum maqet_error_code code, const char *format, ...)
{
    va_list arguments;

    /* The first error counts. */
    if (!err || *err)
        return -1;
    va_start(arguments, format);
    maqet_error_vset(err, code, format, arguments);
    va_end(arguments);
    return maqet_place_wrap(place, err);
}
