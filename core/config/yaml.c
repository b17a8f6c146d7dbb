/* SPDX-License-Identifier: MIT */
#include "core/config/yaml.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "core/base/files.h"

enum { TEXT_LIMIT = 1024 * 1024, DEPTH_LIMIT = 32, NODE_LIMIT = 10000 };

/* One reading of one text. */
struct reading {
    yaml_parser_t parser;
    const char *name;
    const char *folder;
    json_object *anchors; /* name to node */
    unsigned nodes;
    struct maqet_error **err;
};

static struct maqet_place
place_of(const struct reading *reading, yaml_mark_t mark)
{
    return (struct maqet_place){.file = reading->name,
                                .folder = reading->folder,
                                .line = (unsigned)mark.line + 1,
                                .column = (unsigned)mark.column + 1};
}

static int
fault(const struct reading *reading, yaml_mark_t mark, const char *message)
{
    return maqet_place_error(place_of(reading, mark), reading->err, MAQET_ERROR_INVALID,
                             "%s", message);
}

/* What libyaml says, in our words where they help. */
static int
fault_of_parser(const struct reading *reading)
{
    const yaml_parser_t *parser = &reading->parser;
    const char *problem = parser->problem ? parser->problem : "it can't be read";

    if (parser->error == YAML_READER_ERROR) {
        /* The reader counts bytes, not lines. */
        unsigned line = 1;
        size_t offset = parser->problem_offset;
        const char *text = (const char *)parser->input.string.start, *start = text;
        size_t size = (size_t)(parser->input.string.end - parser->input.string.start);

        for (const char *c = text; c < text + offset && c < text + size; c++)
            if (*c == '\n') {
                line++;
                start = c + 1;
            }
        size_t column = offset <= size ? (size_t)(text + offset - start) : 0;
        return fault(reading, (yaml_mark_t){.line = line - 1, .column = column},
                     strstr(problem, "control") ? "a control character can't be in YAML"
                                                : "this is not UTF-8 text");
    }
    if (strstr(problem, "found character that cannot start any token"))
        return fault(reading, parser->problem_mark,
                     "a tab or another character that can't begin anything stands here; "
                     "indent with spaces");
    _cleanup_free_ char *message =
        parser->context ? maqet_format("%s %s", parser->context, problem)
                        : maqet_strdup(problem);
    return fault(reading, parser->problem_mark, message);
}

static int
next(struct reading *reading, yaml_event_t *event)
{
    return yaml_parser_parse(&reading->parser, event) ? 0 : fault_of_parser(reading);
}

static bool
is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    const char *text = (const char *)event->data.scalar.value;

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || event->data.scalar.tag)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static int read_node(struct reading *reading, yaml_event_t *event, int depth,
                     json_object **node);

/* Reads a key: a scalar of text. The caller frees. */
static char *
read_key(struct reading *reading, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT) {
        fault(reading, event->start_mark, "a key must be plain text");
        return NULL;
    }
    if (event->data.scalar.length == 0 || strcmp((char *)event->data.scalar.value, "<<") == 0) {
        fault(reading, event->start_mark,
              event->data.scalar.length ? "merge keys (<<) are not supported"
                                        : "a key is missing here");
        return NULL;
    }
    if (strlen((char *)event->data.scalar.value) != event->data.scalar.length) {
        fault(reading, event->start_mark, "a key can't hold a NUL character");
        return NULL;
    }
    return maqet_strdup((char *)event->data.scalar.value);
}

static int
read_pair(struct reading *reading, yaml_event_t *event, int depth, json_object *mapping)
{
    _cleanup_free_ char *key = read_key(reading, event);
    yaml_event_t value;
    json_object *node = NULL;
    int result;

    if (!key)
        return -1;
    if (json_object_object_get_ex(mapping, key, NULL)) {
        _cleanup_free_ char *first = maqet_place_text(maqet_tree_place_of_key(mapping, key));
        return maqet_place_error(place_of(reading, event->start_mark), reading->err,
                                 MAQET_ERROR_INVALID,
                                 "duplicate key '%s'; the first is at %s", key, first);
    }
    if (next(reading, &value) < 0)
        return -1;
    struct maqet_place of_value = place_of(reading, value.start_mark);
    result = read_node(reading, &value, depth, &node);
    yaml_event_delete(&value);
    if (result == 0)
        maqet_tree_set(mapping, key, node, place_of(reading, event->start_mark), of_value);
    return result;
}

/* Reads what is in a mapping or a sequence, up to its end. */
static int
read_content(struct reading *reading, yaml_event_type_t end, int depth,
             json_object *container)
{
    for (;;) {
        yaml_event_t event;
        json_object *node = NULL;
        int result;

        if (next(reading, &event) < 0)
            return -1;
        if (event.type == end) {
            yaml_event_delete(&event);
            return 0;
        }
        if (end == YAML_MAPPING_END_EVENT) {
            result = read_pair(reading, &event, depth, container);
        } else {
            struct maqet_place place = place_of(reading, event.start_mark);

            result = read_node(reading, &event, depth, &node);
            if (result == 0)
                maqet_tree_append(container, node, place);
        }
        yaml_event_delete(&event);
        if (result < 0)
            return -1;
    }
}

/* How many nodes a tree has: what an alias to it costs. */
static unsigned
count_nodes(json_object *tree)
{
    unsigned count = 1;

    if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            count += count_nodes(value);
        }
    } else if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            count += count_nodes(json_object_array_get_idx(tree, i));
    }
    return count;
}

static int
read_alias(struct reading *reading, const yaml_event_t *event, json_object **node)
{
    json_object *anchored = NULL;

    if (!json_object_object_get_ex(reading->anchors, (char *)event->data.alias.anchor,
                                   &anchored))
        return fault(reading, event->start_mark,
                     "this alias has no anchor before it that is complete");
    reading->nodes += count_nodes(anchored);
    if (reading->nodes > NODE_LIMIT)
        return fault(reading, event->start_mark, "too many nodes, aliases included");
    *node = maqet_tree_copy(anchored);
    return 0;
}

static int
check_tag(const struct reading *reading, const yaml_event_t *event, const yaml_char_t *tag)
{
    if (!tag || strcmp((const char *)tag, YAML_STR_TAG) == 0 ||
        strcmp((const char *)tag, "!") == 0)
        return 0;
    return fault(reading, event->start_mark, "tags other than !!str are not supported");
}

static int
read_scalar(struct reading *reading, const yaml_event_t *event, json_object **node)
{
    const char *text = (const char *)event->data.scalar.value;

    if (check_tag(reading, event, event->data.scalar.tag) < 0)
        return -1;
    if (strlen(text) != event->data.scalar.length)
        return fault(reading, event->start_mark, "a NUL character can't be used");
    *node = is_null(event) ? NULL : json_object_new_string(text);
    return 0;
}

static int
read_container(struct reading *reading, const yaml_event_t *event, int depth,
               json_object **node)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    struct maqet_place place = place_of(reading, event->start_mark);

    if (check_tag(reading, event,
                  mapping ? event->data.mapping_start.tag
                          : event->data.sequence_start.tag) < 0)
        return -1;
    if (depth >= DEPTH_LIMIT)
        return fault(reading, event->start_mark, "this is nested too deeply");
    _cleanup_json_ json_object *container =
        mapping ? maqet_tree_mapping(place) : maqet_tree_sequence(place);
    if (read_content(reading, mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT,
                     depth + 1, container) < 0)
        return -1;
    *node = TAKE_PTR(container);
    return 0;
}

static int
read_node(struct reading *reading, yaml_event_t *event, int depth, json_object **node)
{
    const yaml_char_t *anchor = NULL;
    int result;

    if (++reading->nodes > NODE_LIMIT)
        return fault(reading, event->start_mark, "too many nodes");
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        result = read_scalar(reading, event, node);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        result = read_container(reading, event, depth, node);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        result = read_container(reading, event, depth, node);
        break;
    case YAML_ALIAS_EVENT:
        return read_alias(reading, event, node);
    default:
        return fault(reading, event->start_mark, "a value is missing here");
    }
    if (result == 0 && anchor)
        json_object_object_add(reading->anchors, (const char *)anchor,
                               json_object_get(*node));
    return result;
}

/* Reads events until one of a type that can begin or end a document. */
static int
skip_to(struct reading *reading, yaml_event_t *event, yaml_event_type_t unwanted)
{
    do {
        if (next(reading, event) < 0)
            return -1;
        if (event->type != unwanted)
            return 0;
        yaml_event_delete(event);
    } while (true);
}

static int
read_document(struct reading *reading, json_object **root)
{
    yaml_event_t event;
    int result;

    if (skip_to(reading, &event, YAML_STREAM_START_EVENT) < 0)
        return -1;
    if (event.type != YAML_DOCUMENT_START_EVENT) {
        result = fault(reading, event.start_mark, "the file is empty");
        yaml_event_delete(&event);
        return result;
    }
    yaml_event_delete(&event);
    if (next(reading, &event) < 0)
        return -1;
    result = read_node(reading, &event, 0, root);
    if (result == 0 && !*root)
        result = fault(reading, event.start_mark, "the file is empty");
    yaml_event_delete(&event);
    if (result < 0)
        return -1;
    if (skip_to(reading, &event, YAML_DOCUMENT_END_EVENT) < 0)
        return -1;
    if (event.type != YAML_STREAM_END_EVENT)
        result = fault(reading, event.start_mark, "only one document can be in a file");
    yaml_event_delete(&event);
    return result;
}

json_object *
maqet_yaml_parse(const char *text, size_t length, const char *name, const char *folder,
                 struct maqet_error **err)
{
    struct reading reading = {.name = name, .folder = folder, .err = err};
    json_object *root = NULL;

    if (length > TEXT_LIMIT) {
        maqet_error_set(err, MAQET_ERROR_INVALID, "%s: the file is larger than 1 MiB", name);
        return NULL;
    }
    if (!yaml_parser_initialize(&reading.parser))
        abort();
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, length);
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    reading.anchors = json_object_new_object();
    if (read_document(&reading, &root) < 0) {
        json_object_put(root);
        root = NULL;
    }
    json_object_put(reading.anchors);
    yaml_parser_delete(&reading.parser);
    return root;
}

static int
read_input(const char *path, char **text, size_t *length, struct maqet_error **err)
{
    const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;

    if (maqet_file_read(name, TEXT_LIMIT, text, length, err) == 0)
        return 0;
    if (err && *err && (*err)->code == MAQET_ERROR_FAILED)
        (*err)->code = MAQET_ERROR_INVALID;
    return -1;
}

/* The absolute folder that a file is in. The caller frees. */
static char *
folder_of(const char *path)
{
    _cleanup_free_ char *here = realpath(".", NULL);
    const char *slash = strrchr(path, '/');

    if (strcmp(path, "-") == 0 || !slash)
        return maqet_strdup(here ? here : "/");
    _cleanup_free_ char *folder =
        slash == path ? maqet_strdup("/") : maqet_strndup(path, (size_t)(slash - path));
    return maqet_path_absolute(folder, here ? here : "/");
}

json_object *
maqet_yaml_read(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *folder = folder_of(path);
    size_t length = 0;

    if (read_input(path, &text, &length, err) < 0)
        return NULL;
    const char *name = strcmp(path, "-") == 0 ? "<stdin>" : path;
    _cleanup_json_ json_object *root = maqet_yaml_parse(text, length, name, folder, err);
    if (!root)
        return NULL;
    if (!json_object_is_type(root, json_type_object)) {
        bool list = json_object_is_type(root, json_type_array);
        struct maqet_place top = {.file = name, .folder = folder, .line = 1, .column = 1};

        maqet_place_error(list ? maqet_tree_place(root) : top, err, MAQET_ERROR_INVALID,
                          "this must be a mapping of keys and values (such as `name: vm`), "
                          "but it is %s",
                          list ? "a list" : "a text");
        return NULL;
    }
    return TAKE_PTR(root);
}
