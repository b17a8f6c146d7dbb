/* SPDX-License-Identifier: MIT */
#include "core/qemu/objects.h"

#include <ctype.h>
#include <string.h>

#include "core/qemu/keyval.h"

/* What QEMU stores a node-name in has 32 bytes, a NUL included (QEMU:
 * block_int-common.h). */
enum { NODE_NAME_LIMIT = 31 };

/* One of QEMU's options that make an object. */
struct kind {
    const char *option;
    const char *type_key; /* what says which object it is; NULL: a property like others */
    const char *id_key;
    size_t id_limit; /* in bytes; 0: none */
    bool takes_json;
};

static const struct kind object = {"-object", "qom-type", "id", 0, true};
static const struct kind blockdev = {"-blockdev", NULL, "node-name", NODE_NAME_LIMIT,
                                     true};
static const struct kind device = {"-device", "driver", "id", 0, true};
static const struct kind fsdev = {"-fsdev", "driver", "id", 0, false};
static const struct kind chardev = {"-chardev", "backend", "id", 0, false};
static const struct kind drive = {"-drive", NULL, "id", 0, false};
static const struct kind action = {"QMP action", NULL, NULL, 0, true};

struct maqet_props {
    struct maqet_args *args;
    const struct kind *kind;
    char *id;
    json_object *json;
};

struct maqet_args {
    struct maqet_props **objects;
    size_t count;
    char *fault;
    bool shares_memory;
};

/* Actions are objects of a kind that no command line has. */
struct maqet_actions {
    struct maqet_args args;
};

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
    free(args->fault);
}

void
maqet_args_free(struct maqet_args *args)
{
    if (!args)
        return;
    clear(args);
    free(args);
}

void
maqet_args_cleanup(struct maqet_args **args)
{
    maqet_args_free(*args);
}

/* ---- faults ---- */

const char *
maqet_args_fault(const struct maqet_args *args)
{
    return args->fault;
}

/* The first fault is the one that is told: those that follow are often its consequences.
 */
static void MAQET_PRINTF(2, 3)
    fault(const struct maqet_props *props, const char *format, ...)
{
    va_list arguments;

    if (props->args->fault)
        return;
    va_start(arguments, format);
    _cleanup_free_ char *what = maqet_vformat(format, arguments);
    va_end(arguments);
    props->args->fault =
        maqet_format("%s '%s': %s", props->kind->option, props->id, what);
}

/* ---- what QEMU takes ---- */

/* The rule for all of QEMU's ids (QEMU: util/id.c). */
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

/*
 * The length of the character that begins here, 0 if it is none. Like QEMU's own reader
 * this excludes overlong forms, surrogates, and Unicode's noncharacters (QEMU:
 * util/unicode.c).
 */
static size_t
character_length(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc0 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf8 ? 4
                                     : 0;
    uint32_t point;

    if (length <= 1)
        return length;
    point = text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point & 0xfffe) == 0xfffe ||
        (point >= 0xd800 && point <= 0xdfff) || (point >= 0xfdd0 && point <= 0xfdef))
        return 0;
    return length;
}

static bool
is_text(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        size_t length = character_length(at);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* Whether the first segment of a dotted key is a place in a list. */
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

/* Looks a segment up. Null is a value too, so that it is there is told apart. */
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

/* Adds a value (taken on success) under a segment that is not there yet. */
static bool
add(json_object *container, const char *segment, json_object *value)
{
    if (json_object_is_type(container, json_type_object))
        return json_object_object_add(container, segment, value) == 0;
    return strtoul(segment, NULL, 10) == json_object_array_length(container) &&
           json_object_array_add(container, value) == 0;
}

/* Goes one segment down, making the container there if it is missing. NULL: a fault. */
static json_object *
descend(struct maqet_props *props, json_object *container, const char *key,
        const char *segment, const char *rest)
{
    json_object *child;

    if (find(container, segment, &child)) {
        bool clash = !is_container(child) ||
                     (json_object_is_type(child, json_type_array) && !is_index(rest));

        if (clash)
            fault(props, "the key '%s' clashes with one that was set before", key);
        return clash ? NULL : child;
    }
    child = props->kind->takes_json && is_index(rest) ? json_object_new_array()
                                                      : json_object_new_object();
    if (add(container, segment, child))
        return child;
    fault(props, "the key '%s' leaves a gap in a list", key);
    json_object_put(child);
    return NULL;
}

/* Sets the last segment; takes the value. */
static void
finish(struct maqet_props *props, json_object *container, const char *key,
       const char *segment, json_object *value)
{
    json_object *before;

    if (find(container, segment, &before)) {
        if (is_container(before))
            fault(props, "the key '%s' clashes with one that was set before", key);
        else
            fault(props, "the key '%s' is set twice", key);
    } else if (add(container, segment, value)) {
        return;
    } else {
        fault(props, "the key '%s' leaves a gap in a list", key);
    }
    json_object_put(value);
}

/* Sets a property; takes the value. */
static void
set(struct maqet_props *props, const char *key, json_object *value)
{
    _cleanup_json_ json_object *owned = value;
    _cleanup_free_ char *copy = maqet_strdup(key ? key : "");
    json_object *container = props->json;
    char *rest = copy;

    for (;;) {
        const char *segment = strsep(&rest, ".");

        if (!*segment || strpbrk(segment, "=,") || !is_text(segment)) {
            fault(props, "'%s' is no key", key ? key : "");
            return;
        }
        if (!rest) {
            finish(props, container, key, segment, TAKE_PTR(owned));
            return;
        }
        container = descend(props, container, key, segment, rest);
        if (!container)
            return;
    }
}

void
maqet_props_string(struct maqet_props *props, const char *key, const char *value)
{
    if (value && props->kind->takes_json && !is_text(value)) {
        fault(props, "the value of '%s' is not valid UTF-8, and QEMU takes no other text",
              key ? key : "");
        return;
    }
    if (!value && !props->kind->takes_json) {
        fault(props, "the value of '%s' is null, which this option can't say",
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
    const struct kind *kind = props->kind;

    if (!is_id(props->id))
        fault(props, "the %s must be a letter, then letters, digits, '-', '.' and '_'",
              kind->id_key);
    if (kind->id_limit > 0 && strlen(props->id) > kind->id_limit)
        fault(props, "the %s is longer than %zu bytes", kind->id_key, kind->id_limit);
    for (size_t i = 0; i < props->args->count; i++) {
        const struct maqet_props *other = props->args->objects[i];

        if (other->kind == kind && strcmp(other->id, props->id) == 0)
            fault(props, "the %s is given to two objects", kind->id_key);
    }
}

static struct maqet_props *
append(struct maqet_args *args, const struct kind *kind, const char *type, const char *id)
{
    struct maqet_props *props = maqet_alloc(sizeof(*props));

    props->args = args;
    props->kind = kind;
    props->id = maqet_strdup(id ? id : "");
    props->json = json_object_new_object();
    if (kind->id_key)
        check_id(props);
    if (kind->type_key && (!type || !*type))
        fault(props, "its %s is empty", kind->type_key);
    else if (kind->type_key && kind->takes_json)
        maqet_props_string(props, kind->type_key, type);
    else if (kind->type_key)
        set(props, type, NULL); /* in key=value the type is the first word, alone */
    if (kind->id_key)
        maqet_props_string(props, kind->id_key, props->id);

    args->objects =
        maqet_realloc(args->objects, (args->count + 1) * sizeof(struct maqet_props *));
    args->objects[args->count++] = props;
    return props;
}

struct maqet_props *
maqet_args_blockdev(struct maqet_args *args, const char *node_name)
{
    return append(args, &blockdev, NULL, node_name);
}

struct maqet_props *
maqet_args_device(struct maqet_args *args, const char *driver, const char *id)
{
    return append(args, &device, driver, id);
}

struct maqet_props *
maqet_args_object(struct maqet_args *args, const char *qom_type, const char *id)
{
    return append(args, &object, qom_type, id);
}

struct maqet_props *
maqet_args_fsdev(struct maqet_args *args, const char *driver, const char *id)
{
    return append(args, &fsdev, driver, id);
}

struct maqet_props *
maqet_args_chardev(struct maqet_args *args, const char *backend, const char *id)
{
    return append(args, &chardev, backend, id);
}

void
maqet_args_share_memory(struct maqet_args *args)
{
    args->shares_memory = true;
}

bool
maqet_args_shares_memory(const struct maqet_args *args)
{
    return args->shares_memory;
}

void
maqet_args_scratch(struct maqet_args *args, const char *id, const char *socket)
{
    struct maqet_props *props = append(args, &drive, NULL, id);

    maqet_props_string(props, "if", "none");
    /* Named, so that QEMU does not look in the guest's data for what it might be. */
    maqet_props_string(props, "driver", "nbd");
    maqet_props_string(props, "snapshot", "on");
    maqet_props_string(props, "server.type", "unix");
    maqet_props_string(props, "server.path", socket);
}

/* ---- rendering ---- */

static const char *
as_text(json_object *json)
{
    return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
}

void
maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        maqet_strings_add(argv, props->kind->option);
        if (props->kind->takes_json)
            maqet_strings_add(argv, as_text(props->json));
        else
            maqet_strings_take(argv, maqet_keyval_render(props->json));
    }
}

bool
maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                        struct maqet_strings *argv)
{
    const struct maqet_props *node = NULL;

    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (props->kind == &object) {
            maqet_strings_add(argv, "--object");
            maqet_strings_add(argv, as_text(props->json));
        } else if (props->kind == &blockdev && strcmp(props->id, node_name) == 0) {
            node = props;
        }
    }
    if (!node)
        return false;
    maqet_strings_addf(argv, "json:%s", as_text(node->json));
    return true;
}

/* ---- actions of the monitor ---- */

struct maqet_props *
maqet_actions_add(struct maqet_actions *actions, const char *name)
{
    return append(&actions->args, &action, NULL, name);
}

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

const char *
maqet_actions_fault(const struct maqet_actions *actions)
{
    return actions->args.fault;
}

size_t
maqet_actions_count(const struct maqet_actions *actions)
{
    return actions->args.count;
}

const char *
maqet_actions_name(const struct maqet_actions *actions, size_t index)
{
    return actions->args.objects[index]->id;
}

json_object *
maqet_actions_arguments(const struct maqet_actions *actions, size_t index)
{
    return json_object_get(actions->args.objects[index]->json);
}
