/* SPDX-License-Identifier: MIT */
#include "core/config/yaml.h"

#include <errno.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/input.h"
#include "core/config/yaml_fault.h"

enum {
    TEXT_LIMIT = 1024 * 1024,
    DEPTH_LIMIT = 32,
    NODE_LIMIT = 10000,
    KEY_LIMIT = 128, /* bytes; known keys are much shorter */
};

/* Builds a document from libyaml's events. (libyaml's own documents are read to the end
 * before any limit can be checked.) */
struct reader {
    yaml_parser_t parser;
    const char *text;
    size_t length;
    struct maqet_source *source;
    json_object *anchors; /* complete values by name */
    size_t nodes;
    unsigned depth;
    struct maqet_error **err;
};

#define _cleanup_event_ _cleanup_(yaml_event_delete)

static struct maqet_place
place_of(const struct reader *reader, const yaml_event_t *event)
{
    return maqet_source_place(reader->source, (unsigned)event->start_mark.line + 1,
                              (unsigned)event->start_mark.column + 1);
}

#define error_at(reader, event, ...)                                                     \
    maqet_place_invalid(place_of((reader), (event)), (reader)->err, __VA_ARGS__)

static int
next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return 0;
    return maqet_yaml_fault(&reader->parser, reader->text, reader->length,
                            maqet_source_place(reader->source, 0, 0).file, reader->err);
}

/* ---- limits ---- */

/* The size of a tree: its nodes, and the levels of its containers. */
struct extent {
    size_t nodes;
    unsigned depth;
};

static void
measure(json_object *tree, unsigned depth, struct extent *extent)
{
    extent->nodes++;
    if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            measure(value, depth + 1, extent);
        }
    } else if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            measure(json_object_array_get_idx(tree, i), depth + 1, extent);
    } else {
        return;
    }
    if (extent->depth < depth)
        extent->depth = depth;
}

static int
take_room(struct reader *reader, const yaml_event_t *event, struct extent extent)
{
    reader->nodes += extent.nodes;
    if (reader->nodes > NODE_LIMIT)
        return error_at(
            reader, event, "there are more than %d values up to here%s", NODE_LIMIT,
            event->type == YAML_ALIAS_EVENT ? ", since aliases expand to them" : "");
    if (reader->depth + extent.depth > DEPTH_LIMIT)
        return error_at(reader, event, "this is nested more than %d levels deep",
                        DEPTH_LIMIT);
    return 0;
}

/* ---- nodes ---- */

static int read_node(struct reader *reader, const yaml_event_t *event,
                     json_object **node);

static bool
is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return maqet_text_is_one_of(text, words);
}

static int
check_tag(const struct reader *reader, const yaml_event_t *event, const yaml_char_t *tag)
{
    if (!tag || (event->type == YAML_SCALAR_EVENT &&
                 strcmp((const char *)tag, YAML_STR_TAG) == 0))
        return 0;
    return error_at(reader, event, "tags (!...) cannot be used here, but for !!str");
}

static int
read_scalar(const struct reader *reader, const yaml_event_t *event, json_object **node)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    if (check_tag(reader, event, event->data.scalar.tag) < 0)
        return -1;
    if (memchr(text, '\0', length)) /* written as an escape */
        return error_at(reader, event, "a string cannot contain a NUL byte");
    /* plain_implicit: without a tag */
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        event->data.scalar.plain_implicit && is_null(text))
        *node = NULL;
    else
        *node = json_object_new_string_len(text, (int)length);
    return 0;
}

static int
read_alias(struct reader *reader, const yaml_event_t *event, json_object **node)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct extent extent = {0};
    json_object *anchored = NULL;

    /* An anchor is added when its value is complete, so no value can contain itself. */
    if (!json_object_object_get_ex(reader->anchors, name, &anchored))
        return error_at(
            reader, event,
            "there is no anchor '&%s' before this alias; a string that begins with "
            "'*' must be in quotes",
            name);
    measure(anchored, 1, &extent);
    if (take_room(reader, event, extent) < 0)
        return -1;
    *node = maqet_tree_copy(anchored);
    return 0;
}

static int
read_sequence(struct reader *reader, const yaml_event_t *begin, json_object **node)
{
    _cleanup_json_ json_object *sequence = maqet_tree_sequence(place_of(reader, begin));

    if (check_tag(reader, begin, begin->data.sequence_start.tag) < 0)
        return -1;
    for (;;) {
        _cleanup_event_ yaml_event_t event = {0};
        json_object *item = NULL;

        if (next_event(reader, &event) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (read_node(reader, &event, &item) < 0)
            return -1;
        maqet_tree_append(sequence, item, place_of(reader, &event));
    }
    *node = TAKE_PTR(sequence);
    return 0;
}

static int
check_key(const struct reader *reader, const yaml_event_t *event, json_object *mapping)
{
    const char *key = (const char *)event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (event->type != YAML_SCALAR_EVENT)
        return error_at(reader, event, "a key must be a string");
    if (check_tag(reader, event, event->data.scalar.tag) < 0)
        return -1;
    if (event->data.scalar.length == 0)
        return error_at(reader, event, "there is no key before this ':'");
    if (plain && strcmp(key, "<<") == 0)
        return error_at(reader, event,
                        "merge keys (<<) are not supported; write the keys out");
    if (event->data.scalar.length > KEY_LIMIT)
        return error_at(reader, event, "this key is too long");
    for (size_t i = 0; i < event->data.scalar.length; i++)
        if ((unsigned char)key[i] < ' ' || key[i] == '\x7f')
            return error_at(reader, event, "a key cannot contain control characters");
    if (!json_object_object_get_ex(mapping, key, NULL))
        return 0;
    _cleanup_free_ char *first = maqet_place_text(maqet_tree_place_of_key(mapping, key));
    return error_at(reader, event, "duplicate key '%s'; the first is at %s", key, first);
}

static int
read_mapping(struct reader *reader, const yaml_event_t *begin, json_object **node)
{
    _cleanup_json_ json_object *mapping = maqet_tree_mapping(place_of(reader, begin));

    if (check_tag(reader, begin, begin->data.mapping_start.tag) < 0)
        return -1;
    for (;;) {
        _cleanup_event_ yaml_event_t key = {0}, event = {0};
        json_object *value = NULL;

        if (next_event(reader, &key) < 0)
            return -1;
        if (key.type == YAML_MAPPING_END_EVENT)
            break;
        if (check_key(reader, &key, mapping) < 0 || next_event(reader, &event) < 0 ||
            read_node(reader, &event, &value) < 0)
            return -1;
        maqet_tree_set(mapping, (const char *)key.data.scalar.value, value,
                       place_of(reader, &key), place_of(reader, &event));
    }
    *node = TAKE_PTR(mapping);
    return 0;
}

static const char *
anchor_of(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;

    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor;
    else if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor;
    return (const char *)anchor;
}

static int
read_node(struct reader *reader, const yaml_event_t *event, json_object **node)
{
    bool scalar = event->type == YAML_SCALAR_EVENT;
    const char *anchor = anchor_of(event);
    int result;

    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(reader, event, node);
    if (take_room(reader, event, (struct extent){.nodes = 1, .depth = !scalar}) < 0)
        return -1;
    if (scalar) {
        result = read_scalar(reader, event, node);
    } else {
        reader->depth++;
        result = event->type == YAML_MAPPING_START_EVENT
                     ? read_mapping(reader, event, node)
                     : read_sequence(reader, event, node);
        reader->depth--;
    }
    if (result == 0 && anchor)
        json_object_object_add(reader->anchors, anchor, json_object_get(*node));
    return result;
}

/* ---- the document ---- */

/* Reads an event without a value, such as the end of the document. */
static int
skip_event(struct reader *reader, yaml_event_type_t type, enum maqet_error_code code,
           const char *otherwise)
{
    _cleanup_event_ yaml_event_t event = {0};

    if (next_event(reader, &event) < 0)
        return -1;
    if (event.type == type)
        return 0;
    return maqet_place_error(place_of(reader, &event), reader->err, code, "%s",
                             otherwise);
}

static int
read_document(struct reader *reader, json_object **root)
{
    static const char nothing[] = "it is empty";
    static const char second[] = "a second document begins here; a file holds one";
    _cleanup_event_ yaml_event_t event = {0};
    _cleanup_json_ json_object *node = NULL;

    if (skip_event(reader, YAML_STREAM_START_EVENT, MAQET_ERROR_MISSING, nothing) < 0 ||
        skip_event(reader, YAML_DOCUMENT_START_EVENT, MAQET_ERROR_MISSING, nothing) < 0 ||
        next_event(reader, &event) < 0 || read_node(reader, &event, &node) < 0 ||
        skip_event(reader, YAML_DOCUMENT_END_EVENT, MAQET_ERROR_INVALID, second) < 0 ||
        skip_event(reader, YAML_STREAM_END_EVENT, MAQET_ERROR_INVALID, second) < 0)
        return -1;
    if (!node)
        return maqet_place_error(place_of(reader, &event), reader->err,
                                 MAQET_ERROR_MISSING, "%s", nothing);
    *root = TAKE_PTR(node);
    return 0;
}

json_object *
maqet_yaml_parse(const char *text, size_t length, const char *name, const char *folder,
                 struct maqet_error **err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    struct reader reader = {.err = err};
    json_object *root = NULL;

    if (length > TEXT_LIMIT) {
        maqet_place_invalid((struct maqet_place){.file = name}, err,
                            "this is longer than 1 MiB");
        return NULL;
    }
    /* libyaml skips it only if it may guess the encoding. */
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (!yaml_parser_initialize(&reader.parser))
        abort();
    reader.source = maqet_source_new(name, folder);
    reader.text = text;
    reader.length = length;
    reader.anchors = json_object_new_object();
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    read_document(&reader, &root);
    yaml_parser_delete(&reader.parser);
    json_object_put(reader.anchors);
    maqet_source_put(reader.source);
    return root;
}

/* ---- the file ---- */

/* The folder at which relative paths start: that of the file, unless it is a pipe. */
static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat status;

    if (!slash || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return realpath(".", NULL);
    _cleanup_free_ char *folder = maqet_strndup(path, (size_t)(slash - path) + 1);
    return realpath(folder, NULL);
}

json_object *
maqet_yaml_read(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    if ((strcmp(path, "-") == 0
             ? maqet_input_read(STDIN_FILENO, "standard input", TEXT_LIMIT, &text,
                                &length, err)
             : maqet_file_read(path, TEXT_LIMIT, &text, &length, err)) < 0)
        return NULL;
    _cleanup_free_ char *folder = folder_of(path);
    if (!folder) {
        maqet_error_errno(err, errno, "Cannot determine the folder of %s", path);
        return NULL;
    }
    _cleanup_json_ json_object *root = maqet_yaml_parse(text, length, path, folder, err);
    if (!root || json_object_is_type(root, json_type_object))
        return TAKE_PTR(root);

    struct maqet_place place = maqet_tree_place(root);
    if (!place.file)
        place = (struct maqet_place){.file = path, .line = 1, .column = 1};
    maqet_place_invalid(place, err,
                        "this must be a mapping of keys and values (such as `name: vm`), "
                        "but it is %s",
                        maqet_tree_kind(root));
    return NULL;
}
