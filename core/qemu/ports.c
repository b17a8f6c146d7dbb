/* SPDX-License-Identifier: MIT */
#include "core/qemu/ports.h"

#include <string.h>

#include "core/base/json.h"

/* A chassis of their own: within one, each has a number, which the guest can show. */
enum { CHASSIS = 127 };

static void
set_item(struct maqet_strings *strings, size_t index, const char *text)
{
    free(strings->items[index]);
    strings->items[index] = maqet_strdup(text);
}

/* The index of a text; the number of all: it is not there. */
static size_t
index_of(const struct maqet_strings *strings, const char *text)
{
    size_t i = 0;

    while (i < strings->count && strcmp(strings->items[i], text) != 0)
        i++;
    return i;
}

/* The caller frees. */
static char *
port_id(size_t port)
{
    return maqet_format(MAQET_PORTS_PREFIX "%zu", port);
}

static void
put_into_port(struct maqet_props *device, size_t port)
{
    _cleanup_free_ char *id = port_id(port);

    maqet_props_string(device, "bus", id);
    device->takes_address = false;
}

/* ---- a command line ---- */

/* Whether a device has a port, or is to get one. */
static bool
belongs_into_port(const struct maqet_props *device, const struct maqet_ports *ports)
{
    return device->takes_address && device->hot &&
           (maqet_strings_has(ports->before, device->id) ||
            (ports->free > 0 && !maqet_strings_has(ports->rooted, device->id)));
}

/* Ports whose devices have gone are free. */
static void
copy_record(const struct maqet_args *args, const struct maqet_ports *ports,
            struct maqet_strings *now)
{
    for (size_t i = 0; i < ports->before->count; i++) {
        const char *id = ports->before->items[i];
        const struct maqet_props *device = maqet_addresses_find(args, id);

        maqet_strings_add(now, device && device->hot ? id : "");
    }
}

static void
leave_free(const struct maqet_ports *ports, struct maqet_strings *now)
{
    size_t free_ports = 0;

    for (size_t i = 0; i < now->count; i++)
        free_ports += *now->items[i] == '\0';
    for (; free_ports < ports->free; free_ports++)
        maqet_strings_add(now, "");
    for (; free_ports > ports->free && *now->items[now->count - 1] == '\0'; free_ports--)
        maqet_strings_cut(now, now->count - 1);
}

void
maqet_ports_assign(struct maqet_args *args, const struct maqet_ports *ports,
                   struct maqet_strings *now)
{
    size_t before = args->count;

    if (!maqet_addresses_express(ports->machine_type))
        return;
    copy_record(args, ports, now);
    for (size_t i = 0; i < args->count; i++) {
        struct maqet_props *device = args->objects[i];

        if (!belongs_into_port(device, ports))
            continue;
        size_t port = index_of(now, device->id);
        if (port == now->count)
            port = index_of(now, "");
        if (port == now->count)
            maqet_strings_add(now, "");
        set_item(now, port, device->id);
        put_into_port(device, port);
    }
    if (!ports->exact)
        leave_free(ports, now);
    for (size_t i = 0; i < now->count; i++) {
        _cleanup_free_ char *id = port_id(i);
        struct maqet_props *port =
            maqet_args_append(args, &maqet_kind_device, "pcie-root-port", id);

        maqet_props_int(port, "chassis", CHASSIS);
        maqet_props_int(port, "slot", (int64_t)i + 1);
        port->takes_address = true;
    }
    maqet_addresses_to_front(args, before);
}

/* ---- a QEMU that runs ---- */

static bool
has_device(const struct maqet_plugged *plugged, const char *id)
{
    return maqet_plugged_has(plugged, &maqet_kind_device, id);
}

/* A port that QEMU has, and that no device is in. The number of all: there is none. */
static size_t
free_port(const struct maqet_strings *ports, const struct maqet_plugged *plugged)
{
    size_t i = 0;

    for (; i < ports->count; i++) {
        _cleanup_free_ char *id = port_id(i);

        if (has_device(plugged, id) && *ports->items[i] == '\0')
            break;
    }
    return i;
}

static int
plug_into_port(struct maqet_props *device, const struct maqet_plugged *plugged,
               struct maqet_strings *ports, struct maqet_error **err)
{
    size_t port = free_port(ports, plugged);

    if (port < ports->count) {
        set_item(ports, port, device->id);
        put_into_port(device, port);
        return 0;
    }
    if (ports->count == 0)
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "the VM was started without slots for devices that are attached "
                        "while it is running");
    else
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "all %zu slots for devices that can be attached while the VM is "
                        "running are in use",
                        ports->count);
    return -1;
}

int
maqet_ports_plug(struct maqet_args *args, const struct maqet_plugged *plugged,
                 const char *machine_type, const struct maqet_strings *ports,
                 struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;

    maqet_strings_add_all(&now, ports);
    for (size_t i = 0; i < args->count && maqet_addresses_express(machine_type); i++) {
        struct maqet_props *device = args->objects[i];

        if (device->takes_address && !has_device(plugged, device->id) &&
            plug_into_port(device, plugged, &now, err) < 0)
            return -1;
    }
    return 0;
}

void
maqet_ports_clear(struct maqet_strings *ports)
{
    for (size_t i = 0; i < ports->count; i++)
        set_item(ports, i, "");
}

void
maqet_ports_note(struct maqet_strings *ports, const char *bus, const char *device)
{
    size_t port = maqet_text_starts(bus, MAQET_PORTS_PREFIX)
                      ? strtoul(bus + strlen(MAQET_PORTS_PREFIX), NULL, 10)
                      : ports->count;

    if (port < ports->count)
        set_item(ports, port, device);
}
