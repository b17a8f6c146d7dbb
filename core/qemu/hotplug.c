/* SPDX-License-Identifier: MIT */
#include "core/qemu/hotplug.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/config/options.h"

/* ms in which QEMU removes a device that needs no guest for it. */
static const int64_t ALONE_TIMEOUT = 200;

/* ms after which the guest is asked for a device again: QEMU takes no second request for 5 s
 * after the first (QEMU: hw/acpi/pcihp.c). */
static const int64_t REQUEST_INTERVAL = 6000;

/* ms between two attempts to remove an object that is in use. */
static const int64_t ATTEMPT_INTERVAL = 20;

/* ---- character devices ---- */

enum form { TEXT, SWITCH, NUMBER };

/* The members of `chardev-add` that properties of -chardev become (QEMU: qapi/char.json,
 * chardev/char-*.c). The monitor cannot set properties without a row. */
static const struct chardev_row {
    const char *backend;
    const char *key; /* NULL: the backend has no property */
    const char *member;
    enum form form;
    const char
        *address; /* the type of the address that contains it; NULL: the data does */
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

/* The value in the form that the monitor takes; NULL: it cannot be converted. */
static json_object *
convert(json_object *value, enum form form)
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

/* The data of a socket's address of that type; NULL: it already has one of another type. */
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
    json_object *other = row && members ? convert(value, row->form) : NULL;

    if (!other)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "%s '%s': QEMU's monitor does not take its '%s'",
                               props->option, props->id, key);
    json_object_object_add(members, row->member, other);
    return 0;
}

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
    /* Without `server`, the monitor's sockets listen; those of the command line connect. */
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

json_object *
maqet_hotplug_arguments(const struct maqet_props *props, struct maqet_error **err)
{
    if (props->kind == &maqet_kind_chardev)
        return chardev_arguments(props, err);
    if (!props->kind->add)
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "a %s cannot be added to a QEMU that runs", props->option);
    return props->kind->add ? json_object_get(props->json) : NULL;
}

static int
tell(const struct maqet_hotplug *hotplug, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    return maqet_qmp_tell(hotplug->qmp, command, arguments, -1, hotplug->timeout, err);
}

/* ---- removing ---- */

static int
request_removal(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
                struct maqet_error **err)
{
    json_object *id = json_object_new_string(props->id);

    return tell(hotplug, props->kind->remove,
                maqet_json_object(props->kind->id_key, id, NULL), err);
}

static int
remove_object(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(hotplug->timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (request_removal(hotplug, props, &reason) == 0)
            return 0;
        if (reason->code != MAQET_ERROR_FAILED || reason->signal ||
            maqet_deadline_left(deadline) == 0)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_sleep(ATTEMPT_INTERVAL);
    }
}

/* Whether an event is about a device. */
static bool
concerns(json_object *event, const char *name, const char *device)
{
    json_object *data = json_object_object_get(event, "data");

    return maqet_json_is(event, "event", name) && maqet_json_is(data, "device", device);
}

/* 1: QEMU has removed the device, 0: not within @timeout ms. */
static int
await_removal(const struct maqet_hotplug *hotplug, const char *id, int64_t timeout,
              struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_json_ json_object *event =
            maqet_qmp_event(hotplug->qmp, NULL, maqet_deadline_left(deadline), &reason);

        if (!event && reason->code == MAQET_ERROR_TIMEOUT)
            return 0;
        if (!event)
            return maqet_error_move(err, TAKE_PTR(reason));
        if (concerns(event, "DEVICE_DELETED", id))
            return 1;
        if (concerns(event, "DEVICE_UNPLUG_GUEST_ERROR", id))
            return maqet_error_set(err, MAQET_ERROR_STATE, "the guest refuses");
    }
}

/* Asks the guest for a device, again and again: one that is booting does not see the
 * request. 1: QEMU has removed it, 0: not in time. */
static int
ask_for_device(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
               struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(hotplug->timeout);
    bool asked = false;
    int gone = 0;

    do {
        _cleanup_error_ struct maqet_error *reason = NULL;
        int64_t left = maqet_deadline_left(deadline);

        if (request_removal(hotplug, props, &reason) < 0) {
            /* Between two questions, it may have released the device. */
            if (asked && reason->code == MAQET_ERROR_MISSING)
                return 1;
            /* While a request is pending, perhaps an earlier one, QEMU takes no other. */
            if (!strstr(reason->message, "in the process of unplug"))
                return maqet_error_move(err, TAKE_PTR(reason));
        }
        asked = true;
        gone = await_removal(
            hotplug, props->id,
            left >= 0 && left < REQUEST_INTERVAL ? left : REQUEST_INTERVAL, err);
    } while (gone == 0 && maqet_deadline_left(deadline) != 0);
    return gone;
}

/* The same without a guest. */
static int
take_device(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
            struct maqet_error **err)
{
    if (request_removal(hotplug, props, err) < 0)
        return -1;
    int gone = await_removal(hotplug, props->id, ALONE_TIMEOUT, err);
    if (gone != 0)
        return gone;
    return tell(hotplug, "system_reset", NULL, err) < 0
               ? -1
               : await_removal(hotplug, props->id, hotplug->timeout, err);
}

static int
remove_device(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    int gone = hotplug->resets ? take_device(hotplug, props, err)
                               : ask_for_device(hotplug, props, err);

    if (gone == 0)
        return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                               "the guest did not release it within %.0f s",
                               (double)hotplug->timeout / 1000);
    return gone < 0 ? -1 : 0;
}

static bool
is_there(const struct maqet_hotplug *hotplug, const struct maqet_props *props)
{
    return !hotplug->plugged ||
           maqet_plugged_has(hotplug->plugged, props->kind, props->id);
}

/* The number of args, from the first, that are not left alone. */
static size_t
end_of(const struct maqet_hotplug *hotplug)
{
    return hotplug->limit > 0 ? hotplug->limit : hotplug->args->count;
}

/* Removes the objects before the one with that index. */
static int
remove_before(const struct maqet_hotplug *hotplug, size_t index, struct maqet_error **err)
{
    for (size_t i = index; i > hotplug->skipped; i--) {
        const struct maqet_props *props = hotplug->args->objects[i - 1];
        int result = 0;

        if (is_there(hotplug, props))
            result = props->kind == &maqet_kind_device
                         ? remove_device(hotplug, props, err)
                         : remove_object(hotplug, props, err);

        if (result < 0)
            return maqet_error_wrap(err, "The %s '%s' cannot be removed", props->option,
                                    props->id);
    }
    return 0;
}

int
maqet_hotplug_remove(const struct maqet_hotplug *hotplug, struct maqet_error **err)
{
    return remove_before(hotplug, end_of(hotplug), err);
}

/* ---- adding ---- */

static int
add_object(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
           struct maqet_error **err)
{
    json_object *arguments = maqet_hotplug_arguments(props, err);

    if (!arguments)
        return -1;
    return tell(hotplug, props->kind->add, arguments, err) == 0
               ? 0
               : maqet_error_wrap(err, "The %s '%s' cannot be added", props->option,
                                  props->id);
}

int
maqet_hotplug_add(const struct maqet_hotplug *hotplug, struct maqet_error **err)
{
    for (size_t i = hotplug->skipped; i < end_of(hotplug); i++) {
        _cleanup_error_ struct maqet_error *remains = NULL;

        if (add_object(hotplug, hotplug->args->objects[i], err) == 0)
            continue;
        if (remove_before(hotplug, i, &remains) < 0)
            maqet_error_remark(err, "%s", remains->message);
        return -1;
    }
    return 0;
}
