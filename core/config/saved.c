/* SPDX-License-Identifier: MIT */
/*
 * saved.c - the form in which a tree is stored: {"tree": plain JSON, "sources": [{"file",
 * "folder"}], "places": [[...]]}. `places` has an array for every container, in the order
 * of a walk from the root, with three numbers for each place: the source (from 1; 0: not
 * known), the line and the column. First is the place of the container itself, then follow
 * those of each key and its value, or of each item.
 *
 * The places are not in the tree, so that people can read the file, and it is not nested
 * more deeply than what the user wrote.
 */
#include "core/config/saved.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"

/* ---- saving ---- */

struct writer {
    json_object *sources;
    json_object *places;
};

/* A stored name must not depend on the working directory. */
static char *
absolute_file(struct maqet_place place)
{
    /* "-" and "--set ..." are not files. */
    if (!place.file || !place.folder || place.file[0] == '-' ||
        strcmp(place.file, MAQET_COMMAND_LINE) == 0)
        return maqet_strdup(place.file);
    const char *slash = strrchr(place.file, '/');
    return maqet_path_absolute(slash ? slash + 1 : place.file, place.folder);
}

static json_object *
string_or_null(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static bool
has_text(json_object *source, const char *key, const char *text)
{
    const char *other = maqet_tree_text(source, key);

    return text && other ? strcmp(text, other) == 0 : text == other;
}

static int
number_of_source(struct writer *writer, struct maqet_place place)
{
    size_t count = json_object_array_length(writer->sources);

    if (!place.file && !place.folder)
        return 0;
    _cleanup_free_ char *file = absolute_file(place);
    for (size_t i = 0; i < count; i++) {
        json_object *source = json_object_array_get_idx(writer->sources, i);

        if (has_text(source, "file", file) && has_text(source, "folder", place.folder))
            return (int)i + 1;
    }
    json_object *source = json_object_new_object();
    json_object_object_add(source, "file", string_or_null(file));
    json_object_object_add(source, "folder", string_or_null(place.folder));
    json_object_array_add(writer->sources, source);
    return (int)count + 1;
}

static void
write_place(struct writer *writer, json_object *numbers, struct maqet_place place)
{
    json_object_array_add(numbers, json_object_new_int(number_of_source(writer, place)));
    json_object_array_add(numbers, json_object_new_int((int)place.line));
    json_object_array_add(numbers, json_object_new_int((int)place.column));
}

/* Writes the places of a container and everything in it; a text has none. */
static void
write_places(struct writer *writer, json_object *tree)
{
    bool is_mapping = json_object_is_type(tree, json_type_object);

    if (!is_mapping && !json_object_is_type(tree, json_type_array))
        return;
    json_object *numbers = json_object_new_array();
    json_object_array_add(writer->places, numbers);
    write_place(writer, numbers, maqet_tree_place(tree));
    if (is_mapping) {
        json_object_object_foreach(tree, key, value)
        {
            write_place(writer, numbers, maqet_tree_place_of_key(tree, key));
            write_place(writer, numbers, maqet_tree_place_of_value(tree, key));
            write_places(writer, value);
        }
        return;
    }
    for (size_t i = 0; i < json_object_array_length(tree); i++) {
        write_place(writer, numbers, maqet_tree_place_of_item(tree, i));
        write_places(writer, json_object_array_get_idx(tree, i));
    }
}

json_object *
maqet_tree_save(json_object *tree)
{
    struct writer writer = {.sources = json_object_new_array(),
                            .places = json_object_new_array()};

    write_places(&writer, tree);
    return maqet_json_object("tree", json_object_get(tree), "sources", writer.sources,
                             "places", writer.places, NULL);
}

/* ---- loading ---- */

struct reader {
    struct maqet_source **sources;
    size_t source_count;
    json_object *places;
    size_t next; /* the index of the next container */
};

static int
error_damaged(struct maqet_error **err, const char *what)
{
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "the stored configuration is damaged: %s", what);
}

/* Reads the number at @index; false if it is not one from 0 to @greatest. */
static bool
read_number(json_object *numbers, size_t index, size_t greatest, unsigned *number)
{
    json_object *value = json_object_array_get_idx(numbers, index);
    int64_t read = json_object_get_int64(value);

    if (!json_object_is_type(value, json_type_int) || read < 0 || (size_t)read > greatest)
        return false;
    *number = (unsigned)read;
    return true;
}

static int
read_place(const struct reader *reader, json_object *numbers, size_t index,
           struct maqet_place *place, struct maqet_error **err)
{
    unsigned source, line, column;

    if (!read_number(numbers, index * 3, reader->source_count, &source) ||
        !read_number(numbers, index * 3 + 1, INT32_MAX, &line) ||
        !read_number(numbers, index * 3 + 2, INT32_MAX, &column))
        return error_damaged(err, "a place is not three numbers");
    *place = source ? maqet_source_place(reader->sources[source - 1], line, column)
                    : (struct maqet_place){0};
    return 0;
}

/* The array of the next container, which must have @count places, and the container's own
 * place. NULL: error. */
static json_object *
read_container(struct reader *reader, size_t count, struct maqet_place *place,
               struct maqet_error **err)
{
    json_object *numbers = json_object_array_get_idx(reader->places, reader->next++);

    if (!json_object_is_type(numbers, json_type_array) ||
        json_object_array_length(numbers) != count * 3) {
        error_damaged(err, "the places don't fit the tree");
        return NULL;
    }
    return read_place(reader, numbers, 0, place, err) < 0 ? NULL : numbers;
}

static int read_tree(struct reader *reader, json_object *plain, json_object **tree,
                     struct maqet_error **err);

static int
read_mapping(struct reader *reader, json_object *plain, json_object **tree,
             struct maqet_error **err)
{
    size_t count = 1 + 2 * (size_t)json_object_object_length(plain), index = 1;
    struct maqet_place place, of_key, of_value;
    json_object *numbers = read_container(reader, count, &place, err);

    if (!numbers)
        return -1;
    _cleanup_json_ json_object *mapping = maqet_tree_mapping(place);
    json_object_object_foreach(plain, key, value)
    {
        json_object *read = NULL;

        if (read_place(reader, numbers, index++, &of_key, err) < 0 ||
            read_place(reader, numbers, index++, &of_value, err) < 0 ||
            read_tree(reader, value, &read, err) < 0)
            return -1;
        maqet_tree_set(mapping, key, read, of_key, of_value);
    }
    *tree = TAKE_PTR(mapping);
    return 0;
}

static int
read_sequence(struct reader *reader, json_object *plain, json_object **tree,
              struct maqet_error **err)
{
    size_t length = json_object_array_length(plain);
    struct maqet_place place, of_item;
    json_object *numbers = read_container(reader, 1 + length, &place, err);

    if (!numbers)
        return -1;
    _cleanup_json_ json_object *sequence = maqet_tree_sequence(place);
    for (size_t i = 0; i < length; i++) {
        json_object *read = NULL;

        if (read_place(reader, numbers, 1 + i, &of_item, err) < 0 ||
            read_tree(reader, json_object_array_get_idx(plain, i), &read, err) < 0)
            return -1;
        maqet_tree_append(sequence, read, of_item);
    }
    *tree = TAKE_PTR(sequence);
    return 0;
}

static int
read_tree(struct reader *reader, json_object *plain, json_object **tree,
          struct maqet_error **err)
{
    switch (json_object_get_type(plain)) {
    case json_type_object:
        return read_mapping(reader, plain, tree, err);
    case json_type_array:
        return read_sequence(reader, plain, tree, err);
    case json_type_null:
    case json_type_string:
        *tree = maqet_tree_copy(plain);
        return 0;
    default:
        return error_damaged(err, "a value is neither a string nor null");
    }
}

json_object *
maqet_tree_load(json_object *stored, struct maqet_error **err)
{
    json_object *plain = json_object_object_get(stored, "tree"), *tree = NULL;
    json_object *sources = json_object_object_get(stored, "sources");
    struct reader reader = {.places = json_object_object_get(stored, "places")};

    if (!plain || !json_object_is_type(sources, json_type_array) ||
        !json_object_is_type(reader.places, json_type_array)) {
        error_damaged(err, "it has no tree, no sources or no places");
        return NULL;
    }
    reader.source_count = json_object_array_length(sources);
    reader.sources = maqet_alloc(reader.source_count * sizeof(*reader.sources));
    for (size_t i = 0; i < reader.source_count; i++) {
        json_object *source = json_object_array_get_idx(sources, i);

        reader.sources[i] = maqet_source_new(maqet_tree_text(source, "file"),
                                             maqet_tree_text(source, "folder"));
    }
    read_tree(&reader, plain, &tree, err);
    for (size_t i = 0; i < reader.source_count; i++)
        maqet_source_put(reader.sources[i]);
    free(reader.sources);
    return tree;
}
