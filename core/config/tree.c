/* SPDX-License-Identifier: MIT */
#include "core/config/tree.h"

#include <string.h>

#include "core/base/files.h"

struct maqet_source {
    size_t references;
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
    char *key; /* the container's key, too */
    struct spot of_key;
    struct spot of_value;
};

struct places {
    struct maqet_source *first; /* mostly the only one */
    struct maqet_source **others;
    unsigned source_count;
    struct spot own;
    struct spot *items;     /* of a sequence */
    struct key_spots *keys; /* of a mapping, as they came: a later one of a key counts */
    size_t count, room;     /* of either */
    struct lh_table *index; /* key to its number, from 1; NULL: not needed yet */
    size_t indexed;         /* how many keys it knows */
};

/* A mapping with more keys has an index. */
enum { INDEX_FROM = 16 };

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

/* ---- what hangs on a container as its user data ---- */

static struct maqet_source *
source_at(const struct places *places, unsigned number)
{
    return number == 1 ? places->first : places->others[number - 2];
}

static void
delete_places(json_object *container, void *data)
{
    struct places *places = data;

    for (unsigned i = 1; i <= places->source_count; i++)
        maqet_source_put(source_at(places, i));
    for (size_t i = 0;
         json_object_is_type(container, json_type_object) && i < places->count; i++)
        free(places->keys[i].key);
    if (places->index)
        lh_table_free(places->index);
    free(places->others);
    free(places->keys);
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
    json_object_set_userdata(container, places, delete_places);
    return places;
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
is_source(const struct maqet_source *source, const struct maqet_place *place)
{
    return source == place->source || (same_text(source->file, place->file) &&
                                       same_text(source->folder, place->folder));
}

/* The number of the source of a place, which may be a new one. */
static unsigned
number_of_source(struct places *places, const struct maqet_place *place)
{
    unsigned number = 1;

    while (number <= places->source_count && !is_source(source_at(places, number), place))
        number++;
    if (number <= places->source_count)
        return number;
    struct maqet_source *source = place->source;
    if (source)
        source->references++;
    else
        source = maqet_source_new(place->file, place->folder);
    if (number == 1) {
        places->first = source;
    } else {
        places->others =
            maqet_realloc(places->others, (number - 1) * sizeof(*places->others));
        places->others[number - 2] = source;
    }
    return places->source_count = number;
}

static struct spot
keep(struct places *places, struct maqet_place place)
{
    if (!place.file && !place.folder)
        return (struct spot){0};
    return (struct spot){.source = number_of_source(places, &place),
                         .line = place.line,
                         .column = place.column};
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
    return maqet_source_place(source_at(places, spot.source), spot.line, spot.column);
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

/* Room for one more of what a container's spots are. */
static void *
room_for_more(struct places *places, void *list, size_t size)
{
    if (places->count < places->room)
        return list;
    places->room = places->room > 0 ? 2 * places->room : 8;
    return maqet_realloc(list, places->room * size);
}

void
maqet_tree_set(json_object *mapping, const char *key, json_object *value,
               struct maqet_place of_key, struct maqet_place of_value)
{
    struct places *places = places_made(mapping);

    /* First, since the strings may belong to the value that is replaced. */
    struct key_spots spots = {.key = maqet_strdup(key),
                              .of_key = keep(places, of_key),
                              .of_value = keep(places, of_value)};
    places->keys = room_for_more(places, places->keys, sizeof(*places->keys));
    places->keys[places->count++] = spots;
    /* The one copy of the key is for both: it goes with the container. */
    if (json_object_object_add_ex(mapping, spots.key, value,
                                  JSON_C_OBJECT_KEY_IS_CONSTANT) < 0)
        abort();
}

void
maqet_tree_append(json_object *sequence, json_object *value, struct maqet_place place)
{
    struct places *places = places_made(sequence);
    size_t index = json_object_array_length(sequence);

    if (places->count > index) /* others took items away, */
        places->count = index;
    do { /* or added some */
        places->items = room_for_more(places, places->items, sizeof(*places->items));
        places->items[places->count++] = (struct spot){0};
    } while (places->count <= index);
    places->items[index] = keep(places, place);
    if (json_object_array_add(sequence, value) < 0)
        abort();
}

/* ---- asking ---- */

struct maqet_place
maqet_tree_place(json_object *container)
{
    return place_at(places_of(container), (struct spot){0});
}

/* The number of a key's spots, from 1; 0: it has none. */
static size_t
find_key(struct places *places, const char *key)
{
    void *number = NULL;

    if (places->count <= INDEX_FROM) {
        size_t i = places->count;

        while (i > 0 && strcmp(places->keys[i - 1].key, key) != 0)
            i--;
        return i;
    }
    if (!places->index)
        places->index = lh_kchar_table_new((int)places->count * 2, NULL);
    if (!places->index)
        abort();
    for (; places->indexed < places->count; places->indexed++) {
        const char *next = places->keys[places->indexed].key;

        lh_table_delete(places->index, next);
        if (lh_table_insert(places->index, next, (void *)(places->indexed + 1)) < 0)
            abort();
    }
    return lh_table_lookup_ex(places->index, key, &number) ? (size_t)number : 0;
}

static struct key_spots
key_spots_of(json_object *mapping, const char *key)
{
    struct places *places = places_of(mapping);
    size_t number = places && json_object_object_get_ex(mapping, key, NULL)
                        ? find_key(places, key)
                        : 0;

    return number > 0 ? places->keys[number - 1] : (struct key_spots){0};
}

struct maqet_place
maqet_tree_place_of_key(json_object *mapping, const char *key)
{
    return place_at(places_of(mapping), key_spots_of(mapping, key).of_key);
}

struct maqet_place
maqet_tree_place_of_value(json_object *mapping, const char *key)
{
    return place_at(places_of(mapping), key_spots_of(mapping, key).of_value);
}

struct maqet_place
maqet_tree_place_of_item(json_object *sequence, size_t index)
{
    const struct places *places = places_of(sequence);
    struct spot spot = {0};

    if (places && index < places->count)
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
