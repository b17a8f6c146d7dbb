/* SPDX-License-Identifier: MIT */
#include "core/qemu/hotplug.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/config/options.h"

/* ms in which a device goes that needs nothing of the guest. */
static const int64_t ALONE_TIMEOUT = 200;

/* ms between two attempts to remove what is still in use. */
static const int64_t ATTEMPT_INTERVAL = 20;

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
        *MAQET_APPEND(commands->items, commands->count) =
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

/* ---- telling QEMU ---- */

static int
tell(const struct maqet_hotplug *hotplug, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    return maqet_qmp_tell(hotplug->qmp, command, arguments, -1, hotplug->timeout, err);
}

/* ---- removing ---- */

static int
tell_removal(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
             struct maqet_error **err)
{
    json_object *id = json_object_new_string(props->id);

    return tell(hotplug, props->kind->remove,
                maqet_json_object(props->kind->id_key, id, NULL), err);
}

static int
remove_in_use(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(hotplug->timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (tell_removal(hotplug, props, &reason) == 0)
            return 0;
        if (reason->code != MAQET_ERROR_FAILED || maqet_deadline_left(deadline) == 0)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_sleep(ATTEMPT_INTERVAL);
    }
}

/* Waits for the event that tells that a device has gone; 1: it has, 0: not in time. */
static int
await_gone(const struct maqet_hotplug *hotplug, const char *id, int64_t timeout,
           struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_json_ json_object *event = maqet_qmp_event(
            hotplug->qmp, "DEVICE_DELETED", maqet_deadline_left(deadline), &reason);
        json_object *data = NULL;

        if (!event && reason->code == MAQET_ERROR_TIMEOUT)
            return 0;
        if (!event)
            return maqet_error_move(err, TAKE_PTR(reason));
        json_object_object_get_ex(event, "data", &data);
        const char *device = maqet_json_text(data, "device");
        if (device && strcmp(device, id) == 0)
            return 1;
    }
}

static int
remove_device(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    int gone;

    if (tell_removal(hotplug, props, err) < 0)
        return -1;
    gone = await_gone(hotplug, props->id,
                      hotplug->resets ? ALONE_TIMEOUT : hotplug->timeout, err);
    if (gone == 0 && hotplug->resets)
        gone = tell(hotplug, "system_reset", NULL, err) < 0
                   ? -1
                   : await_gone(hotplug, props->id, hotplug->timeout, err);
    if (gone == 0)
        return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                               "the guest did not let go of it within %.0f s",
                               (double)hotplug->timeout / 1000);
    return gone < 0 ? -1 : 0;
}

int
maqet_hotplug_remove(const struct maqet_hotplug *hotplug,
                     const struct maqet_monitor_commands *commands,
                     struct maqet_error **err)
{
    for (size_t i = commands->count; i > 0; i--) {
        const struct maqet_props *props = commands->items[i - 1].props;
        int result = props->kind == &maqet_kind_device
                         ? remove_device(hotplug, props, err)
                         : remove_in_use(hotplug, props, err);

        if (result < 0)
            return maqet_error_wrap(err, "The %s '%s' cannot be removed", props->option,
                                    props->id);
    }
    return 0;
}

/* ---- adding ---- */

int
maqet_hotplug_add(const struct maqet_hotplug *hotplug,
                  const struct maqet_monitor_commands *commands, struct maqet_error **err)
{
    for (size_t i = 0; i < commands->count; i++) {
        const struct maqet_monitor_command *command = &commands->items[i];
        const struct maqet_monitor_commands added = {.items = commands->items,
                                                     .count = i};
        _cleanup_error_ struct maqet_error *stays = NULL;

        if (tell(hotplug, command->props->kind->add, json_object_get(command->arguments),
                 err) == 0)
            continue;
        maqet_error_wrap(err, "The %s '%s' cannot be added", command->props->option,
                         command->props->id);
        if (maqet_hotplug_remove(hotplug, &added, &stays) < 0)
            maqet_error_remark(err, "%s", stays->message);
        return -1;
    }
    return 0;
}
