/* SPDX-License-Identifier: MIT */
#include "core/config/tree.h"

#include <string.h>

#include "core/base/files.h"

/* ---- what hangs on a container as its user data ---- */

/* A file that something in the container was written in. */
struct source {
    char *file;
    char *folder;
};

/* A place as it is kept: the source is one of the container's own. */
struct spot {
    unsigned source; /* its number, from 1; 0: never placed */
    unsigned line;
    unsigned column;
};

struct key_spots {
    struct spot key;
    struct spot value;
};

struct places {
    struct source *sources;
    size_t source_count;
    struct spot own;
    struct spot *items; /* of a sequence */
    size_t item_count;
    struct lh_table *keys; /* of a mapping: key to struct key_spots */
};

static void
free_key_spots(struct lh_entry *entry)
{
    free(lh_entry_k(entry));
    free(lh_entry_v(entry));
}

static void
delete_places(json_object *container, void *data)
{
    struct places *places = data;

    (void)container;
    for (size_t i = 0; i < places->source_count; i++) {
        free(places->sources[i].file);
        free(places->sources[i].folder);
    }
    if (places->keys)
        lh_table_free(places->keys);
    free(places->sources);
    free(places->items);
    free(places);
}

static bool
is_container(json_object *value)
{
    return json_object_is_type(value, json_type_object) ||
           json_object_is_type(value, json_type_array);
}

/* The places of a container. What others made, such as json-c's parser, has none. */
static struct places *
places_of(json_object *container)
{
    return is_container(container) ? json_object_get_userdata(container) : NULL;
}

static struct places *
places_made(json_object *container)
{
    struct places *places = places_of(container);

    if (places)
        return places;
    places = maqet_alloc(sizeof(*places));
    if (json_object_is_type(container, json_type_object)) {
        places->keys = lh_kchar_table_new(8, free_key_spots);
        if (!places->keys)
            abort();
    }
    json_object_set_userdata(container, places, delete_places);
    return places;
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct spot
keep(struct places *places, struct maqet_place place)
{
    struct spot spot = {.line = place.line, .column = place.column};

    if (!place.file && !place.folder)
        return (struct spot){0};
    /* Mostly it is the first: a container rarely has more than two or three. */
    for (size_t i = 0; i < places->source_count && !spot.source; i++)
        if (same_text(places->sources[i].file, place.file) &&
            same_text(places->sources[i].folder, place.folder))
            spot.source = (unsigned)i + 1;
    if (!spot.source) {
        struct source source = {.file = maqet_strdup(place.file),
                                .folder = maqet_strdup(place.folder)};

        places->sources = maqet_realloc(places->sources, (places->source_count + 1) *
                                                             sizeof(*places->sources));
        places->sources[places->source_count++] = source;
        spot.source = (unsigned)places->source_count;
    }
    return spot;
}

static struct maqet_place
place_at(const struct places *places, struct spot spot)
{
    if (!places)
        return (struct maqet_place){0};
    if (!spot.source)
        spot = places->own;
    if (!spot.source)
        return (struct maqet_place){0};
    return (struct maqet_place){.file = places->sources[spot.source - 1].file,
                                .folder = places->sources[spot.source - 1].folder,
                                .line = spot.line,
                                .column = spot.column};
}

/* ---- building ---- */

static json_object *
placed(json_object *container, struct maqet_place place)
{
    if (!container)
        abort();
    struct places *places = places_made(container);
    places->own = keep(places, place);
    return container;
}

json_object *
maqet_tree_mapping(struct maqet_place place)
{
    return placed(json_object_new_object(), place);
}

json_object *
maqet_tree_sequence(struct maqet_place place)
{
    return placed(json_object_new_array(), place);
}

static struct key_spots *
key_spots_made(struct places *places, const char *key)
{
    struct key_spots *spots = NULL;

    if (lh_table_lookup_ex(places->keys, key, (void **)&spots))
        return spots;
    spots = maqet_alloc(sizeof(*spots));
    if (lh_table_insert(places->keys, maqet_strdup(key), spots) < 0)
        abort();
    return spots;
}

void
maqet_tree_set(json_object *mapping, const char *key, json_object *value,
               struct maqet_place of_key, struct maqet_place of_value)
{
    struct places *places = places_made(mapping);
    struct key_spots *spots = key_spots_made(places, key);

    /* First, since the strings may belong to the value that is replaced. */
    spots->key = keep(places, of_key);
    spots->value = keep(places, of_value);
    if (json_object_object_add(mapping, key, value) < 0)
        abort();
}

void
maqet_tree_append(json_object *sequence, json_object *value, struct maqet_place place)
{
    struct places *places = places_made(sequence);
    size_t index = json_object_array_length(sequence);

    places->items = maqet_realloc(places->items, (index + 1) * sizeof(*places->items));
    while (places->item_count < index) /* items that others added */
        places->items[places->item_count++] = (struct spot){0};
    places->items[index] = keep(places, place);
    places->item_count = index + 1;
    if (json_object_array_add(sequence, value) < 0)
        abort();
}

/* ---- asking ---- */

struct maqet_place
maqet_tree_place(json_object *container)
{
    return place_at(places_of(container), (struct spot){0});
}

static struct key_spots
key_spots_of(json_object *mapping, const char *key)
{
    struct places *places = places_of(mapping);
    struct key_spots *spots = NULL;

    if (!places || !json_object_object_get_ex(mapping, key, NULL) ||
        !lh_table_lookup_ex(places->keys, key, (void **)&spots))
        return (struct key_spots){0};
    return *spots;
}

struct maqet_place
maqet_tree_place_of_key(json_object *mapping, const char *key)
{
    return place_at(places_of(mapping), key_spots_of(mapping, key).key);
}

struct maqet_place
maqet_tree_place_of_value(json_object *mapping, const char *key)
{
    return place_at(places_of(mapping), key_spots_of(mapping, key).value);
}

struct maqet_place
maqet_tree_place_of_item(json_object *sequence, size_t index)
{
    const struct places *places = places_of(sequence);
    struct spot spot = {0};

    if (places && index < places->item_count)
        spot = places->items[index];
    return place_at(places, spot);
}

const char *
maqet_tree_text(json_object *mapping, const char *key)
{
    json_object *value = NULL;

    if (!json_object_is_type(mapping, json_type_object) ||
        !json_object_object_get_ex(mapping, key, &value) || !value || is_container(value))
        return NULL;
    return json_object_get_string(value);
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

char *
maqet_place_text(struct maqet_place place)
{
    if (!place.file)
        return maqet_strdup("");
    const char *name = strcmp(place.file, "-") == 0 ? "standard input" : place.file;
    /* What stood on the command line is found again without counting characters. */
    if (place.line == 0 || maqet_text_starts(place.file, "--"))
        return maqet_strdup(name);
    return maqet_format("%s:%u:%u", name, place.line, place.column);
}

int
maqet_place_error(struct maqet_place place, struct maqet_error **err,
                  enum maqet_error_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, code, format, arguments);
    va_end(arguments);
    if (!place.file)
        return -1;
    _cleanup_free_ char *text = maqet_place_text(place);
    return maqet_error_wrap(err, "%s", text);
}
