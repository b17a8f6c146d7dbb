/* SPDX-License-Identifier: MIT */
/*
 * Of networks, character devices and displays, there are few types: those that are known to be
 * harmless pass. Of devices and objects there are many, and those of the host are named here.
 */
#include "core/qemu/exclusive.h"

#include <string.h>

#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

struct search {
    struct maqet_exclusives *found;
    const struct maqet_argument *option;
};

void
maqet_exclusives_clear(struct maqet_exclusives *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->items[i].option);
    free(found->items);
    *found = (struct maqet_exclusives){0};
}

/* What to use instead of a character device, which depends on what it is for. */
static const char *
advice_of(const struct maqet_argument *option)
{
    static const char *const consoles[] = {"chardev", "debugcon", "serial", NULL};
    static const char *const displays[] = {"display", "spice", "vnc", NULL};

    if (maqet_text_is_one_of(option->name, consoles))
        return "Use `serial: console` instead";
    if (maqet_text_is_one_of(option->name, displays))
        return "Use `display: none` instead";
    return "Remove it from `arguments`";
}

static void
add(const struct search *search, enum maqet_exclusive_kind kind)
{
    static const struct {
        const char *what, *instead;
    } kinds[] = {
        [MAQET_EXCLUSIVE_ADDRESS] =
            {"a network in which each MAC address is to be of one "
             "guest",
             "Use `network: user` instead"},
        [MAQET_EXCLUSIVE_INTERFACE] = {"an interface of this host",
                                       "Use `network: user` instead"},
        [MAQET_EXCLUSIVE_LINK] = {"a network with a fixed address or peer",
                                  "Use `network: user` instead"},
        [MAQET_EXCLUSIVE_DEVICE] = {"a device of this host",
                                    "Use `network: user`, or a drive in `storage`, "
                                    "instead"},
        [MAQET_EXCLUSIVE_CONTEXT] =
            {"a context ID, which only one guest of this host can "
             "have",
             "Use `network: user` instead"},
        [MAQET_EXCLUSIVE_SOCKET] = {"a socket at a fixed place of this host", NULL},
        [MAQET_EXCLUSIVE_PLACE] = {"which may be at a fixed place of this host", NULL},
        [MAQET_EXCLUSIVE_FOLDER] = {"a folder that its guest writes to",
                                    "Make it a share in `storage`, or say readonly=on"},
        [MAQET_EXCLUSIVE_FILE] = {"a file with options that maqet does not read",
                                  "Write its options in `arguments`"},
    };
    const struct maqet_argument *option = search->option;
    const char *instead = kinds[kind].instead;

    *MAQET_APPEND(search->found->items, search->found->count) = (struct maqet_exclusive){
        .kind = kind,
        .option = maqet_format("-%s%s%s", option->name, option->value ? " " : "",
                               option->value ? option->value : ""),
        .what = kinds[kind].what,
        .instead = instead ? instead : advice_of(option)};
}

/* ---- character devices ---- */

/* As -serial takes them (QEMU: qemu_chr_parse_compat() in chardev/char.c). */
static void
search_text(const struct search *search, const char *text)
{
    static const char *const harmless[] = {"msmouse", "none", "null",     "pty", "stdio",
                                           "testdev", "vc",   "wctablet", NULL};
    /* A file is one that QEMU writes to. */
    static const char *const elsewhere[] = {"chardev:", "file:", "vc:", NULL};
    static const char *const sockets[] = {
        "tcp:", "telnet:", "tn3270:", "udp:", "unix:", "websocket:", NULL};

    if (maqet_text_starts(text, "mon:"))
        text += strlen("mon:");
    if (maqet_text_is_one_of(text, harmless) || maqet_text_prefix(text, elsewhere))
        return;
    add(search, maqet_text_prefix(text, sockets)   ? MAQET_EXCLUSIVE_SOCKET
                : maqet_text_starts(text, "/dev/") ? MAQET_EXCLUSIVE_DEVICE
                                                   : MAQET_EXCLUSIVE_PLACE);
}

static void
search_chardev(const struct search *search)
{
    static const char *const harmless[] = {
        "dbus",    "file",    "hub",       "memory",   "msmouse",      "mux",
        "null",    "ringbuf", "spiceport", "spicevmc", "qemu-vdagent", "stdio",
        "testdev", "vc",      "wctablet",  NULL};
    static const char *const sockets[] = {"socket", "udp", NULL};
    static const char *const devices[] = {"parallel", "parport", "serial", "tty", NULL};
    const char *value = search->option->value;
    _cleanup_free_ char *backend = maqet_keyval_get(value, "backend", "backend");
    _cleanup_free_ char *path = maqet_keyval_get(value, NULL, "path");

    if (!backend || maqet_text_is_one_of(backend, harmless) ||
        (strcmp(backend, "pty") == 0 && !path))
        return;
    add(search, maqet_text_is_one_of(backend, sockets)   ? MAQET_EXCLUSIVE_SOCKET
                : maqet_text_is_one_of(backend, devices) ? MAQET_EXCLUSIVE_DEVICE
                                                         : MAQET_EXCLUSIVE_PLACE);
}

/* ---- displays ---- */

static void
search_display(const struct search *search)
{
    static const char *const harmless[] = {"cocoa", "curses", "default", "egl-headless",
                                           "gtk",   "none",   "sdl",     NULL};
    const char *value = search->option->value;
    _cleanup_free_ char *type = maqet_keyval_get(value, "type", "type");
    _cleanup_free_ char *vnc = maqet_keyval_get(value, NULL, "vnc");

    if (vnc && strcmp(vnc, "none") != 0)
        add(search, MAQET_EXCLUSIVE_SOCKET);
    else if (type && !maqet_text_is_one_of(type, harmless) &&
             !(strcmp(type, "dbus") == 0 && maqet_keyval_is_on(value, "p2p")))
        add(search, MAQET_EXCLUSIVE_PLACE);
}

static void
search_spice(const struct search *search)
{
    static const char *const places[] = {"addr", "port", "tls-port", NULL};
    const char *value = search->option->value;
    bool listens = maqet_keyval_is_on(value, "unix");

    for (size_t i = 0; places[i]; i++) {
        _cleanup_free_ char *place = maqet_keyval_get(value, NULL, places[i]);

        listens = listens || (place && *place && strcmp(place, "0") != 0);
    }
    if (listens)
        add(search, MAQET_EXCLUSIVE_SOCKET);
}

/* ---- networks ---- */

/* "guestfwd=tcp:10.0.2.100:80-tcp:host:80": a program for each connection is harmless. */
static void
search_user_network(const struct search *search)
{
    char *key, *value;

    for (const char *at = search->option->value;
         maqet_keyval_next(&at, "type", &key, &value);) {
        const char *target = strchr(value, '-');

        if (maqet_text_starts(key, "guestfwd") && target &&
            !maqet_text_starts(target, "-cmd:"))
            search_text(search, target + 1);
        free(key);
        free(value);
    }
}

static void
search_network(const struct search *search)
{
    static const char *const harmless[] = {"hubport", "nic", "none", NULL};
    static const char *const shared[] = {"bridge", "tap", "vde", NULL};
    static const char *const links[] = {"dgram",  "l2tpv3",     "passt", "socket",
                                        "stream", "vhost-user", NULL};
    const char *value = search->option->value;
    _cleanup_free_ char *type = maqet_keyval_get(value, "type", "type");
    _cleanup_free_ char *interface = maqet_keyval_get(value, NULL, "ifname");

    if (!type || maqet_text_is_one_of(type, harmless))
        return;
    if (strcmp(type, "user") == 0)
        search_user_network(search);
    else if (maqet_text_is_one_of(type, shared) && !interface)
        add(search, MAQET_EXCLUSIVE_ADDRESS);
    else
        add(search, maqet_text_is_one_of(type, links) ? MAQET_EXCLUSIVE_LINK
                                                      : MAQET_EXCLUSIVE_INTERFACE);
}

/* ---- devices ---- */

/* Whether a property is a device file: of an input device, for example. */
static bool
names_device(const char *text)
{
    bool found = false;
    char *key, *value;

    for (const char *at = text; maqet_keyval_next(&at, "driver", &key, &value);) {
        found = found || maqet_text_starts(value, "/dev/");
        free(key);
        free(value);
    }
    return found;
}

static void
search_device(const struct search *search)
{
    static const char *const of_host[] = {"u2f-passthru", "usb-host", "vfio-", "vhost-",
                                          NULL};
    const char *value = search->option->value;
    _cleanup_free_ char *driver = maqet_keyval_get(value, "driver", "driver");
    _cleanup_free_ char *context = maqet_keyval_get(value, NULL, "guest-cid");
    _cleanup_free_ char *folder = maqet_keyval_get(value, NULL, "rootdir");
    _cleanup_free_ char *readonly = maqet_keyval_get(value, NULL, "readonly");

    if (context)
        add(search, MAQET_EXCLUSIVE_CONTEXT);
    /* That of a vhost-user device is its socket, a -chardev. */
    else if (names_device(value) || (driver && maqet_text_prefix(driver, of_host) &&
                                     !maqet_text_starts(driver, "vhost-user-")))
        add(search, MAQET_EXCLUSIVE_DEVICE);
    else if (folder && readonly && !maqet_keyval_is_on(value, "readonly"))
        add(search, MAQET_EXCLUSIVE_FOLDER);
}

static void
search_usb_device(const struct search *search)
{
    static const char *const harmless[] = {"ccid",   "keyboard",     "mouse",
                                           "tablet", "wacom-tablet", NULL};

    if (!maqet_text_is_one_of(search->option->value, harmless))
        add(search, MAQET_EXCLUSIVE_DEVICE);
}

static void
search_object(const struct search *search)
{
    static const struct {
        const char *type;
        enum maqet_exclusive_kind kind;
    } types[] = {
        {"can-host-socketcan", MAQET_EXCLUSIVE_INTERFACE},
        {"dbus-vmstate", MAQET_EXCLUSIVE_SOCKET},
        {"input-barrier", MAQET_EXCLUSIVE_SOCKET},
        {"input-linux", MAQET_EXCLUSIVE_DEVICE},
        {"x-remote-object", MAQET_EXCLUSIVE_SOCKET},
        {"x-vfio-user-server", MAQET_EXCLUSIVE_SOCKET},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (maqet_keyval_is_of(search->option->value, "qom-type", types[i].type))
            add(search, types[i].kind);
}

/* ---- what the guest writes to ---- */

static void
search_share(const struct search *search)
{
    const char *value = search->option->value;

    if (maqet_keyval_is_of(value, "fsdriver", "proxy"))
        add(search, MAQET_EXCLUSIVE_SOCKET);
    else if (!maqet_keyval_is_of(value, "fsdriver", "synth") &&
             !maqet_keyval_is_on(value, "readonly"))
        add(search, MAQET_EXCLUSIVE_FOLDER);
}

/* ---- all ---- */

static void
search_option(const struct search *search)
{
    static const struct {
        const char *option; /* and those that are like it */
        void (*search)(const struct search *search);
    } rows[] = {
        {"chardev", search_chardev}, {"device", search_device},
        {"display", search_display}, {"fsdev", search_share},
        {"netdev", search_network},  {"object", search_object},
        {"spice", search_spice},     {"usbdevice", search_usb_device},
    };
    const struct maqet_argument *option = search->option;

    if (maqet_argument_is(option, "s"))
        add(search, MAQET_EXCLUSIVE_SOCKET);
    if (!option->value)
        return;
    if (maqet_argument_is(option, "readconfig"))
        add(search, MAQET_EXCLUSIVE_FILE);
    if (maqet_argument_is(option, "vnc") && strcmp(option->value, "none") != 0)
        add(search, MAQET_EXCLUSIVE_SOCKET);
    if (maqet_argument_is(option, "qtest") ||
        maqet_qemu_option_is_like(option->known, "serial"))
        search_text(search, option->value);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (maqet_qemu_option_is_like(option->known, rows[i].option))
            rows[i].search(search);
}

void
maqet_arguments_exclusive(json_object *list, struct maqet_exclusives *found)
{
    _cleanup_argument_list_ struct maqet_argument_list options =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < options.count; i++) {
        const struct search search = {.found = found, .option = &options.items[i]};

        search_option(&search);
    }
}
