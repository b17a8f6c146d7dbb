/* SPDX-License-Identifier: MIT */
#include "core/qemu/objects.h"

#include <ctype.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/printable.h"
#include "core/qemu/keyval.h"

/* Bytes that all objects may take: far more than a command line can have. */
enum { ARGS_MAX = 16 * 1024 * 1024 };

/* QEMU stores a node-name in 32 bytes, with the NUL (QEMU: block_int-common.h). */
enum { NODE_NAME_LIMIT = 31 };

const struct maqet_object_kind maqet_kind_object = {
    "-object", "qom-type", "id", 0, true, "object-add", "object-del"};
const struct maqet_object_kind maqet_kind_blockdev = {
    "-blockdev", NULL,           "node-name",   NODE_NAME_LIMIT,
    true,        "blockdev-add", "blockdev-del"};
const struct maqet_object_kind maqet_kind_device = {
    "-device", "driver", "id", 0, true, "device_add", "device_del"};
const struct maqet_object_kind maqet_kind_chardev = {
    "-chardev", "backend", "id", 0, false, "chardev-add", "chardev-remove"};
static const struct maqet_object_kind fsdev = {
    .option = "-fsdev", .type_key = "driver", .id_key = "id"};
static const struct maqet_object_kind drive = {.option = "-drive", .id_key = "id"};
static const struct maqet_object_kind settings = {.option = NULL};
static const struct maqet_object_kind settings_with_word = {.type_key = "first"};
/* For actions; the id is the command. */
static const struct maqet_object_kind action = {.option = "QMP action",
                                                .takes_json = true};

struct maqet_args *
maqet_args_new(void)
{
    return maqet_alloc(sizeof(struct maqet_args));
}

static void
clear(struct maqet_args *args)
{
    for (size_t i = 0; i < args->count; i++) {
        free(args->objects[i]->id);
        json_object_put(args->objects[i]->json);
        free(args->objects[i]);
    }
    free(args->objects);
    maqet_strings_clear(&args->ids);
    free(args->fault);
}

void
maqet_args_cleanup(struct maqet_args **args)
{
    if (*args)
        clear(*args);
    free(*args);
}

/* ---- faults ---- */

/* Only the first fault is recorded: later ones are often its consequences. */
static void MAQET_PRINTF(2, 3)
    fault(const struct maqet_props *props, const char *format, ...)
{
    va_list arguments;

    if (props->args->fault)
        return;
    va_start(arguments, format);
    _cleanup_free_ char *what = maqet_vformat(format, arguments);
    va_end(arguments);
    props->args->fault = maqet_format("%s '%s': %s", props->option, props->id, what);
}

/* Whether there is room for @bytes more, and some for an object or a value. */
static bool
takes(const struct maqet_props *props, size_t bytes)
{
    struct maqet_args *args = props->args;

    if (bytes < ARGS_MAX)
        args->bytes += bytes + sizeof(*props);
    if (bytes < ARGS_MAX && args->bytes <= ARGS_MAX)
        return true;
    args->bytes = ARGS_MAX;
    fault(props, "there is more of it than the %d MiB that all of it may take",
          ARGS_MAX >> 20);
    return false;
}

/* ---- what QEMU accepts ---- */

/* The rule for all ids (QEMU: util/id.c). */
static bool
is_id(const char *id)
{
    if (!isascii(*id) || !isalpha(*id))
        return false;
    for (const char *c = id; *c; c++)
        if (!isascii(*c) || (!isalnum(*c) && !strchr("-._", *c)))
            return false;
    return true;
}

bool
maqet_json_carries(const char *text)
{
    uint32_t code;

    /* QEMU excludes Unicode's noncharacters (QEMU: util/unicode.c). */
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        length = maqet_character(text, left, &code);
        if (code == MAQET_NO_CHARACTER || (code & 0xfffe) == 0xfffe ||
            (code >= 0xfdd0 && code <= 0xfdef))
            return false;
    }
    return true;
}

/* Whether the first segment of a dotted key is an index in a list. */
static bool
is_index(const char *key)
{
    size_t length = strcspn(key, ".");

    return length > 0 && length < 6 && strspn(key, "0123456789") == length;
}

/* ---- properties ---- */

static bool
is_container(json_object *value)
{
    return json_object_is_type(value, json_type_object) ||
           json_object_is_type(value, json_type_array);
}

/* False: there is no such segment. A value may be null. */
static bool
find(json_object *container, const char *segment, json_object **value)
{
    *value = NULL;
    if (json_object_is_type(container, json_type_object))
        return json_object_object_get_ex(container, segment, value);
    size_t index = strtoul(segment, NULL, 10);
    *value = json_object_array_get_idx(container, index);
    return index < json_object_array_length(container);
}

/* Adds a value (taken on success) as a new segment. */
static bool
add(json_object *container, const char *segment, json_object *value)
{
    if (json_object_is_type(container, json_type_object))
        return json_object_object_add(container, segment, value) == 0;
    return strtoul(segment, NULL, 10) == json_object_array_length(container) &&
           json_object_array_add(container, value) == 0;
}

/* Whether a value that is there prevents setting it, or the segments @rest below it. */
static bool
clashes(json_object *value, const char *rest)
{
    return !rest || !is_container(value) ||
           (json_object_is_type(value, json_type_array) && !is_index(rest));
}

/* Sets a property; takes the value. */
static void
set(struct maqet_props *props, const char *key, json_object *value)
{
    _cleanup_json_ json_object *owned = value;
    _cleanup_free_ char *copy = maqet_strdup(key ? key : "");
    json_object *container = props->json, *child;
    char *rest = copy;

    if (!takes(props, strlen(copy)))
        return;
    do {
        const char *segment = strsep(&rest, ".");

        if (!*segment || strpbrk(segment, "=,") || !maqet_json_carries(segment)) {
            fault(props, "'%s' is not a key", key ? key : "");
            return;
        }
        if (!find(container, segment, &child)) {
            child = !rest            ? json_object_get(owned)
                    : is_index(rest) ? json_object_new_array()
                                     : json_object_new_object();
            if (!add(container, segment, child)) {
                fault(props, "the key '%s' leaves a gap in a list", key);
                json_object_put(child);
                return;
            }
        } else if (clashes(child, rest)) {
            fault(props,
                  rest || is_container(child)
                      ? "the key '%s' clashes with one that was set before"
                      : "the key '%s' is set twice",
                  key);
            return;
        }
        container = child;
    } while (rest);
}

void
maqet_props_string(struct maqet_props *props, const char *key, const char *value)
{
    if (value && !takes(props, strlen(value)))
        return;
    if (value && props->kind->takes_json && !maqet_json_carries(value)) {
        fault(props, "the value of '%s' is not valid UTF-8, and QEMU takes no other text",
              key ? key : "");
        return;
    }
    if (!value && !props->kind->takes_json) {
        fault(props, "the value of '%s' is null, which this option cannot express",
              key ? key : "");
        return;
    }
    set(props, key, value ? json_object_new_string(value) : NULL);
}

void
maqet_props_int(struct maqet_props *props, const char *key, int64_t value)
{
    set(props, key, json_object_new_int64(value));
}

void
maqet_props_bool(struct maqet_props *props, const char *key, bool value)
{
    set(props, key, json_object_new_boolean(value));
}

/* ---- objects ---- */

static void
check_id(const struct maqet_props *props)
{
    const struct maqet_object_kind *kind = props->kind;

    if (!is_id(props->id))
        fault(props, "the %s must be a letter, then letters, digits, '-', '.' and '_'",
              kind->id_key);
    if (kind->id_limit > 0 && strlen(props->id) > kind->id_limit)
        fault(props, "the %s is longer than %zu bytes", kind->id_key, kind->id_limit);
    _cleanup_free_ char *key = maqet_format("%s %s", kind->option, props->id);
    if (maqet_strings_has(&props->args->ids, key))
        fault(props, "the %s is used for two objects", kind->id_key);
    maqet_strings_take(&props->args->ids, TAKE_PTR(key));
}

/* Appends an object without properties. */
static struct maqet_props *
begin(struct maqet_args *args, const struct maqet_object_kind *kind, const char *id)
{
    struct maqet_props *props = maqet_alloc(sizeof(*props));

    *props = (struct maqet_props){
        .args = args, .kind = kind, .option = kind->option, .id = maqet_strdup("")};
    bool fits = takes(props, id ? strlen(id) : 0);
    /* The caller sets properties of what it gets, which are dropped. */
    if (!fits && args->count > 0) {
        free(props->id);
        free(props);
        return args->objects[args->count - 1];
    }
    if (fits && id) {
        free(props->id);
        props->id = maqet_strdup(id);
    }
    if (kind->id_key && id)
        check_id(props);
    *MAQET_APPEND(args->objects, args->count) = props;
    return props;
}

struct maqet_props *
maqet_args_append(struct maqet_args *args, const struct maqet_object_kind *kind,
                  const char *type, const char *id)
{
    struct maqet_props *props = begin(args, kind, id);

    if (props->json) /* there is no room for another one */
        return props;
    props->json = json_object_new_object();
    if (kind->type_key && (!type || !*type))
        fault(props, "its %s is empty", kind->type_key);
    else if (kind->type_key)
        maqet_props_string(props, kind->type_key, type);
    if (kind->id_key && id)
        maqet_props_string(props, kind->id_key, props->id);
    return props;
}

/* An object of a plugin must have an id: NULL is a fault. */
static struct maqet_props *
append_named(struct maqet_args *args, const struct maqet_object_kind *kind,
             const char *type, const char *id)
{
    return maqet_args_append(args, kind, type, id ? id : "");
}

struct maqet_props *
maqet_args_blockdev(struct maqet_args *args, const char *node_name)
{
    return append_named(args, &maqet_kind_blockdev, NULL, node_name);
}

struct maqet_props *
maqet_args_device(struct maqet_args *args, const char *driver, const char *id)
{
    return append_named(args, &maqet_kind_device, driver, id);
}

struct maqet_props *
maqet_args_object(struct maqet_args *args, const char *qom_type, const char *id)
{
    return append_named(args, &maqet_kind_object, qom_type, id);
}

struct maqet_props *
maqet_args_fsdev(struct maqet_args *args, const char *driver, const char *id)
{
    return append_named(args, &fsdev, driver, id);
}

struct maqet_props *
maqet_args_chardev(struct maqet_args *args, const char *backend, const char *id)
{
    return append_named(args, &maqet_kind_chardev, backend, id);
}

struct maqet_props *
maqet_args_settings(struct maqet_args *args, const char *option, const char *first)
{
    struct maqet_props *props =
        maqet_args_append(args, first ? &settings_with_word : &settings, first, NULL);

    props->option = option;
    return props;
}

void
maqet_args_option(struct maqet_args *args, const char *option, const char *value)
{
    struct maqet_props *props = begin(args, &settings, NULL);

    props->option = option;
    props->json = value ? json_object_new_string(value) : NULL;
}

void
maqet_args_share_memory(struct maqet_args *args)
{
    args->shares_memory = true;
}

void
maqet_args_scratch(struct maqet_args *args, const char *id,
                   const struct maqet_strings *image)
{
    size_t last = image->count - 1;

    for (size_t i = 0; i + 1 < last; i += 2)
        maqet_args_option(args, "-object", image->items[i + 1]);
    struct maqet_props *props = append_named(args, &drive, NULL, id);

    maqet_props_string(props, "if", "none");
    maqet_props_string(props, "snapshot", "on");
    maqet_props_string(props, "file", image->items[last]);
}

void
maqet_args_objects_first(struct maqet_args *args)
{
    size_t first = 0;

    for (size_t i = 0; i < args->count; i++) {
        struct maqet_props *props = args->objects[i];

        if (props->kind != &maqet_kind_object)
            continue;
        memmove(&args->objects[first + 1], &args->objects[first],
                (i - first) * sizeof(struct maqet_props *));
        args->objects[first++] = props;
    }
}

/* ---- actions ---- */

struct maqet_actions *
maqet_actions_new(void)
{
    return maqet_alloc(sizeof(struct maqet_actions));
}

void
maqet_actions_cleanup(struct maqet_actions **actions)
{
    if (*actions)
        clear(&(*actions)->args);
    free(*actions);
}

struct maqet_props *
maqet_actions_add(struct maqet_actions *actions, const char *name)
{
    return maqet_args_append(&actions->args, &action, NULL, name);
}

json_object *
maqet_actions_transaction(const struct maqet_actions *actions)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < actions->args.count; i++) {
        const struct maqet_props *props = actions->args.objects[i];

        json_object_array_add(
            list, maqet_json_object("type", json_object_new_string(props->id), "data",
                                    json_object_get(props->json), NULL));
    }
    return maqet_json_object("actions", list, NULL);
}

/* ---- command lines ---- */

static const char *
as_text(json_object *json)
{
    return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void
render(const struct maqet_props *props, bool as_json, struct maqet_strings *argv)
{
    maqet_strings_add(argv, props->option);
    if (json_object_is_type(props->json, json_type_string))
        maqet_strings_add(argv, json_object_get_string(props->json));
    else if (props->json && as_json)
        maqet_strings_add(argv, as_text(props->json));
    else if (props->json)
        maqet_strings_take(argv, maqet_keyval_render(props->json, props->kind->type_key));
}

void
maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv)
{
    for (size_t i = 0; i < args->count; i++)
        render(args->objects[i], args->objects[i]->kind->takes_json, argv);
}

void
maqet_args_render_keyval(const struct maqet_args *args, struct maqet_strings *argv)
{
    for (size_t i = 0; i < args->count; i++)
        render(args->objects[i], false, argv);
}
