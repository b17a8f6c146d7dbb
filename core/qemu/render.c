/* SPDX-License-Identifier: MIT */
#include "core/qemu/render.h"

#include <string.h>

#include "core/base/json.h"
#include "core/config/options.h"
#include "core/qemu/keyval.h"

static const char *
as_text(json_object *json)
{
    return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* ---- the command line ---- */

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

bool
maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                        struct maqet_strings *argv)
{
    const struct maqet_props *node = NULL;

    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (props->kind == &maqet_kind_object) {
            maqet_strings_add(argv, "--object");
            maqet_strings_add(argv, as_text(props->json));
        } else if (props->kind == &maqet_kind_blockdev &&
                   strcmp(props->id, node_name) == 0) {
            node = props;
        }
    }
    if (!node)
        return false;
    maqet_strings_addf(argv, "json:%s", as_text(node->json));
    return true;
}

/* ---- character devices for the monitor ---- */

enum form { TEXT, SWITCH, NUMBER };

/* Where a property of -chardev stands in the data of a backend, whose names are other ones
 * there (QEMU: qapi/char.json, chardev/char-*.c). A property that has no row can't be
 * said. */
static const struct chardev_row {
    const char *backend;
    const char *key; /* NULL: the backend needs no property */
    const char *member;
    enum form form;
    const char *address; /* the type of the address that it is of, or NULL */
} chardev_rows[] = {
    {"socket", "path", "path", TEXT, "unix"},
    {"socket", "abstract", "abstract", SWITCH, "unix"},
    {"socket", "fd", "str", TEXT, "fd"},
    {"socket", "host", "host", TEXT, "inet"},
    {"socket", "port", "port", TEXT, "inet"},
    {"socket", "server", "server", SWITCH, NULL},
    {"socket", "wait", "wait", SWITCH, NULL},
    {"socket", "nodelay", "nodelay", SWITCH, NULL},
    {"socket", "reconnect", "reconnect", NUMBER, NULL},
    {"file", "path", "out", TEXT, NULL},
    {"file", "append", "append", SWITCH, NULL},
    {"pipe", "path", "device", TEXT, NULL},
    {"serial", "path", "device", TEXT, NULL},
    {"parallel", "path", "device", TEXT, NULL},
    {"null", NULL, NULL, TEXT, NULL},
    {"pty", NULL, NULL, TEXT, NULL},
};

enum { CHARDEV_ROWS = sizeof(chardev_rows) / sizeof(*chardev_rows) };

static const struct chardev_row *
find_row(const char *backend, const char *key)
{
    for (size_t i = 0; i < CHARDEV_ROWS; i++) {
        const struct chardev_row *row = &chardev_rows[i];

        if (strcmp(row->backend, backend) == 0 &&
            (!key || (row->key && strcmp(row->key, key) == 0)))
            return row;
    }
    return NULL;
}

/* The value in the form that the monitor wants; NULL: it can't be had. */
static json_object *
converted(json_object *value, enum form form)
{
    const char *text = json_object_get_string(value);
    bool on;

    switch (form) {
    case SWITCH:
        return maqet_parse_bool(text, &on) ? json_object_new_boolean(on) : NULL;
    case NUMBER:
        return text[strspn(text, "0123456789")] == '\0'
                   ? json_object_new_int64(json_object_get_int64(value))
                   : NULL;
    default:
        return maqet_json_carries(text) ? json_object_new_string(text) : NULL;
    }
}

/* The address in the data of a socket, of that type; NULL: it has one of another type. */
static json_object *
address_of(json_object *data, const char *type)
{
    json_object *address = NULL, *members = NULL;

    if (!json_object_object_get_ex(data, "addr", &address)) {
        members = json_object_new_object();
        address = maqet_json_object("type", json_object_new_string(type), "data", members,
                                    NULL);
        json_object_object_add(data, "addr", address);
        return members;
    }
    json_object_object_get_ex(address, "data", &members);
    return strcmp(maqet_json_text(address, "type"), type) == 0 ? members : NULL;
}

static int
add_property(const struct maqet_props *props, const char *backend, const char *key,
             json_object *value, json_object *data, struct maqet_error **err)
{
    const struct chardev_row *row = find_row(backend, key);
    json_object *members = row && row->address ? address_of(data, row->address) : data;
    json_object *other = row && members ? converted(value, row->form) : NULL;

    if (!other)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "%s '%s': QEMU's monitor does not take its '%s'",
                               props->option, props->id, key);
    json_object_object_add(members, row->member, other);
    return 0;
}

/* What `chardev-add` takes. NULL: it can't be told of the device. */
static json_object *
chardev_arguments(const struct maqet_props *props, struct maqet_error **err)
{
    const char *type = maqet_json_text(props->json, "backend");
    json_object *data = json_object_new_object();
    json_object *backend =
        maqet_json_object("type", json_object_new_string(type), "data", data, NULL);
    _cleanup_json_ json_object *arguments = maqet_json_object(
        "id", json_object_new_string(props->id), "backend", backend, NULL);

    if (!find_row(type, NULL)) {
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "%s '%s': a '%s' cannot be added to a QEMU that runs",
                        props->option, props->id, type);
        return NULL;
    }
    /* A socket listens where nothing is said, other than on the command line. */
    if (strcmp(type, "socket") == 0)
        json_object_object_add(data, "server", json_object_new_boolean(false));
    json_object_object_foreach(props->json, key, value)
    {
        if (strcmp(key, "backend") != 0 && strcmp(key, "id") != 0 &&
            add_property(props, type, key, value, data, err) < 0)
            return NULL;
    }
    return TAKE_PTR(arguments);
}

/* ---- commands of the monitor ---- */

int
maqet_args_render_commands(const struct maqet_args *args, size_t skipped,
                           struct maqet_monitor_commands *commands,
                           struct maqet_error **err)
{
    for (size_t i = skipped; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (!props->kind->add)
            return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                   "a %s cannot be added to a QEMU that runs",
                                   props->option);
        json_object *arguments = props->kind == &maqet_kind_chardev
                                     ? chardev_arguments(props, err)
                                     : json_object_get(props->json);
        if (!arguments)
            return -1;
        commands->items = maqet_realloc(commands->items,
                                        (commands->count + 1) * sizeof(*commands->items));
        commands->items[commands->count++] =
            (struct maqet_monitor_command){.props = props, .arguments = arguments};
    }
    return 0;
}

void
maqet_monitor_commands_clear(struct maqet_monitor_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++)
        json_object_put(commands->items[i].arguments);
    free(commands->items);
    *commands = (struct maqet_monitor_commands){0};
}
