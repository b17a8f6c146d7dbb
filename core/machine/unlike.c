/* SPDX-License-Identifier: MIT */
#include "core/machine/unlike.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/network.h"
#include "core/machine/port_choice.h"
#include "core/qemu/arguments.h"
#include "core/qemu/exclusive.h"
#include "core/qemu/surroundings.h"
#include "core/qemu/writables.h"

/* ---- ports of the host ---- */

static int
error_no_port(const char *text, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_BUSY,
                           "No port of the host is free in place of '%s'", text);
}

/* Replaces the digits of a text. Takes nothing; the caller frees. */
static char *
with_number(const char *text, size_t at, uint32_t number)
{
    return maqet_format("%.*s%" PRIu32 "%s", (int)at, text, number,
                        text + at + strspn(text + at, "0123456789"));
}

/* What is changed in a definition. */
struct changing {
    const struct maqet_context *context;
    struct maqet_definition *definition;
    struct maqet_forwards *taken;
    bool named; /* those that other definitions name are in it */
    struct maqet_strings *changes;
    struct maqet_error **err;
    unsigned cards; /* whose MAC addresses were changed */
};

/* Other definitions are not read for a machine without ports. */
static uint32_t
next_port(struct changing *changing, bool udp, const char *address, uint32_t port)
{
    if (!changing->named)
        maqet_port_choice_add_named(changing->context, changing->taken);
    changing->named = true;
    return maqet_port_choice_next(changing->taken, udp, address, port);
}

static int
change_ports(struct changing *changing, json_object *tree)
{
    _cleanup_network_ struct maqet_network network = {0};
    json_object *list = json_object_object_get(tree, "ports");

    maqet_network_read(tree, &network);
    for (size_t i = 0; i < network.ports.count; i++) {
        const struct maqet_forward *forward = &network.ports.items[i];
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        const char *colon = strchr(text, ':');

        if (forward->host_port == 0)
            continue;
        /* An address stands before the port of the host, or nothing. */
        size_t at = strchr(colon + 1, ':') ? (size_t)(colon + 1 - text) : 0;
        uint32_t port = next_port(changing, strcmp(forward->protocol, "udp") == 0,
                                  forward->address, forward->host_port);
        if (port == 0)
            return error_no_port(text, changing->err);
        _cleanup_free_ char *before = maqet_forward_text(forward);
        _cleanup_free_ char *changed = with_number(text, at, port);
        maqet_strings_addf(changing->changes, "%s -> %" PRIu32, before, port);
        json_object_array_put_idx(list, i, json_object_new_string(changed));
    }
    return 0;
}

/* ---- texts of `arguments` ---- */

/* "hostfwd=tcp:127.0.0.1:2222-:22" within a text (QEMU: slirp_hostfwd() in net/slirp.c). Returns
 * the changed text, which the caller frees, or NULL with an error. */
static char *
change_forwards(struct changing *changing, const char *text)
{
    static const char key[] = "hostfwd=";
    char *changed = maqet_strdup(text);
    size_t from = 0;

    for (char *found; (found = strstr(changed + from, key));) {
        const char *rule = found + strlen(key);
        _cleanup_free_ char *address = NULL;
        uint32_t before;
        size_t at;
        bool udp;

        from = (size_t)(rule - changed);
        if (!maqet_port_rule_read(rule, &udp, &address, &before, &at))
            continue;
        uint32_t port = next_port(changing, udp, address, before);
        if (port == 0) {
            error_no_port(rule, changing->err);
            free(changed);
            return NULL;
        }
        char *after = with_number(changed, from + at, port);
        free(changed);
        changed = after;
        maqet_strings_addf(changing->changes, "%s %s:%" PRIu32 " -> %" PRIu32,
                           udp ? "udp" : "tcp", address, before, port);
    }
    return changed;
}

static bool
is_mac(const char *text)
{
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* The same for the value of a key `hostfwd` of a mapping, or of JSON. */
static char *
change_rule(struct changing *changing, const char *rule)
{
    _cleanup_free_ char *text = maqet_format("hostfwd=%s", rule);
    _cleanup_free_ char *changed = change_forwards(changing, text);

    return changed ? maqet_strdup(changed + strlen("hostfwd=")) : NULL;
}

/* "mac=52:54:00:12:34:56", and "macaddr=" of `-net`. Takes the text. */
static char *
change_macs(struct changing *changing, char *text)
{
    static const char *const keys[] = {"mac=", "macaddr="};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        for (char *at = text; (at = strstr(at, keys[i])); at++) {
            char *address = at + strlen(keys[i]);

            if (!is_mac(address))
                continue;
            _cleanup_free_ char *other =
                maqet_network_mac(changing->definition->uuid, ++changing->cards);
            memcpy(address, other, strlen(other));
        }
    return text;
}

/* The changed text of the key @key (NULL: none), which the caller frees, or NULL with an error. */
static char *
change_text(struct changing *changing, const char *text, const char *key)
{
    bool is_rule = key && strcmp(key, "hostfwd") == 0;
    char *changed =
        is_rule ? change_rule(changing, text) : change_forwards(changing, text);

    if (!changed)
        return NULL;
    changed = change_macs(changing, changed);
    if (key && (strcmp(key, "mac") == 0 || strcmp(key, "macaddr") == 0) &&
        is_mac(changed)) {
        free(changed);
        changed = maqet_network_mac(changing->definition->uuid, ++changing->cards);
    }
    if (key && strcmp(key, "uuid") == 0 && maqet_text_is_uuid(changed)) {
        free(changed);
        changed = maqet_strdup(changing->definition->uuid);
    }
    return changed;
}

static int change_value(struct changing *changing, json_object *value, const char *key);

/* An option may be written as JSON in a text. */
static int
change_string(struct changing *changing, json_object *value, const char *key)
{
    const char *text = json_object_get_string(value);
    _cleanup_json_ json_object *parsed =
        *text == '{' ? maqet_json_parse(text, "an argument", NULL) : NULL;

    if (parsed) {
        if (change_value(changing, parsed, key) < 0)
            return -1;
        json_object_set_string(
            value, json_object_to_json_string_ext(
                       parsed, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
    }
    _cleanup_free_ char *changed = change_text(changing, text, key);
    if (!changed)
        return -1;
    json_object_set_string(value, changed);
    return 0;
}

/* Changes the texts in a value; @key is the key that it has. */
static int
change_value(struct changing *changing, json_object *value, const char *key)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (change_value(changing, json_object_array_get_idx(value, i), key) < 0)
                return -1;
        return 0;
    }
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            /* In JSON, a rule is {"str": RULE}. */
            bool is_rule = key && strcmp(key, "hostfwd") == 0 && strcmp(name, "str") == 0;

            if (change_value(changing, member,
                             is_rule ? key : maqet_argument_name(name)) < 0)
                return -1;
        }
        return 0;
    }
    return json_object_is_type(value, json_type_string)
               ? change_string(changing, value, key)
               : 0;
}

int
maqet_unlike_change(const struct maqet_context *context,
                    struct maqet_definition *definition, struct maqet_forwards *taken,
                    struct maqet_strings *ports, struct maqet_error **err)
{
    json_object *tree = definition->tree;
    json_object *network = json_object_object_get(tree, "network");
    struct changing changing = {.context = context,
                                .definition = definition,
                                .taken = taken,
                                .changes = ports,
                                .err = err};

    /* Without one, the address follows from the UUID. */
    if (json_object_is_type(network, json_type_object))
        json_object_object_del(network, "mac");
    return change_ports(&changing, tree) < 0 ||
                   change_value(&changing, json_object_object_get(tree, "arguments"),
                                NULL) < 0
               ? -1
               : 0;
}

/* ---- what stays the same ---- */

static void
warn(const struct maqet_context *context, const struct maqet_definition *definition,
     const char *name, const char *what)
{
    maqet_context_say(
        context, MAQET_LEVEL_WARNING,
        "VM '%s' has the same %s as VM '%s', so they cannot run at the same "
        "time before one of them is changed",
        definition->name, what, name);
}

static void
warn_of_network(const struct maqet_context *context,
                const struct maqet_definition *definition, const char *name)
{
    _cleanup_network_ struct maqet_network network = {0};

    maqet_network_read(definition->tree, &network);
    if (network.type == MAQET_NETWORK_TAP)
        warn(context, definition, name, "interface of the host (`network`)");
}

/* What only one QEMU can have, in `arguments` and in `display`, which is such an option, too. */
static void
find_exclusive(const struct maqet_definition *definition, struct maqet_exclusives *found)
{
    json_object *display = json_object_object_get(definition->tree, "display");
    _cleanup_json_ json_object *list = json_object_new_array();

    maqet_arguments_exclusive(json_object_object_get(definition->tree, "arguments"),
                              found);
    if (!display)
        return;
    json_object_array_add(list,
                          maqet_json_object("display", json_object_get(display), NULL));
    maqet_arguments_exclusive(list, found);
}

/* Whether a clone that is booted by itself has no conflict. */
static bool
is_only_of_forks(const struct maqet_exclusive *exclusive)
{
    return exclusive->kind == MAQET_EXCLUSIVE_ADDRESS ||
           exclusive->kind == MAQET_EXCLUSIVE_FOLDER ||
           exclusive->kind == MAQET_EXCLUSIVE_FILE;
}

int
maqet_unlike_check(const struct maqet_context *context,
                   const struct maqet_definition *definition, const char *name,
                   struct maqet_error **err)
{
    json_object *list = json_object_object_get(definition->tree, "arguments");
    _cleanup_writables_ struct maqet_writables writables = {0};
    _cleanup_written_files_ struct maqet_written_files files = {0};
    _cleanup_exclusives_ struct maqet_exclusives exclusives = {0};

    maqet_arguments_writables(list, &writables);
    for (size_t i = 0; i < writables.count; i++) {
        const struct maqet_writable *writable = &writables.items[i];

        if (!writable->file || writable->discarded)
            continue;
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "VM '%s': its `arguments` let the guest write to %s, which its "
                        "clone would write to, too",
                        name, writable->file);
        maqet_error_hint(err, "Make it a drive in `storage`, which is cloned");
        return -1;
    }
    warn_of_network(context, definition, name);
    maqet_arguments_written(list, NULL, &files);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *what =
            maqet_format("file %s, which QEMU writes to (`%s` in `arguments`)",
                         files.items[i].path, files.items[i].option);

        warn(context, definition, name, what);
    }
    find_exclusive(definition, &exclusives);
    for (size_t i = 0; i < exclusives.count; i++) {
        if (!is_only_of_forks(&exclusives.items[i]))
            warn(context, definition, name, exclusives.items[i].option);
    }
    return 0;
}

/* ---- at the same time ---- */

static int
error_only_one(const struct maqet_definition *definition, const char *what,
               const char *instead, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' has %s, which its forks would have, too", definition->name,
                    what);
    maqet_error_hint(err, "%s, start it again, and create a new checkpoint", instead);
    return -1;
}

/* The guests have the same MAC address, by which a network distinguishes them. */
static int
check_network(const struct maqet_definition *definition, struct maqet_error **err)
{
    _cleanup_network_ struct maqet_network network = {0};

    maqet_network_read(definition->tree, &network);
    if (network.type != MAQET_NETWORK_TAP && network.type != MAQET_NETWORK_BRIDGE)
        return 0;
    return error_only_one(definition,
                          network.type == MAQET_NETWORK_TAP
                              ? "an interface of this host (`network`)"
                              : "its MAC address on a bridge of this host (`network`)",
                          "Say `network: user` in its definition", err);
}

static const char *
instead_of_file(const struct maqet_written *file)
{
    switch (file->kind) {
    case MAQET_WRITTEN_IMAGE:
        return "Make it a drive in `storage`";
    case MAQET_WRITTEN_FOLDER:
        return "Make it a share in `storage`";
    default:
        return "Remove it from `arguments`";
    }
}

static const char *
instead_of_writable(const struct maqet_writable *writable)
{
    switch (writable->kind) {
    case MAQET_WRITABLE_DISK:
        return "Make it a drive in `storage`";
    case MAQET_WRITABLE_FLASH:
        return "Say `firmware: uefi` in its definition instead, so that the variables of "
               "UEFI are a drive";
    default:
        return "Remove it from `arguments`";
    }
}

static bool
is_written(const struct maqet_writable *writable)
{
    return !writable->discarded && !writable->nowhere;
}

static int
error_writable(const struct maqet_definition *definition,
               const struct maqet_writable *writable, struct maqet_error **err)
{
    _cleanup_free_ char *what =
        maqet_format("'%s' in `arguments`, a %s that the guest writes to", writable->name,
                     maqet_writable_kind_name(writable->kind));

    return error_only_one(definition, what, instead_of_writable(writable), err);
}

/* The files and other storage of `arguments`. What is flash memory is also a file, but cannot be a drive of
 * any kind. */
static int
check_storage(const struct maqet_definition *definition, struct maqet_error **err)
{
    json_object *list = json_object_object_get(definition->tree, "arguments");
    _cleanup_written_files_ struct maqet_written_files files = {0};
    _cleanup_writables_ struct maqet_writables writables = {0};

    maqet_arguments_writables(list, &writables);
    for (size_t i = 0; i < writables.count; i++)
        if (writables.items[i].kind == MAQET_WRITABLE_FLASH &&
            is_written(&writables.items[i]))
            return error_writable(definition, &writables.items[i], err);
    maqet_arguments_written(list, NULL, &files);
    if (files.count > 0) {
        _cleanup_free_ char *what =
            maqet_format("a file that QEMU writes to, %s (`%s` in `arguments`)",
                         files.items[0].path, files.items[0].option);
        return error_only_one(definition, what, instead_of_file(&files.items[0]), err);
    }
    for (size_t i = 0; i < writables.count; i++)
        if (is_written(&writables.items[i]))
            return error_writable(definition, &writables.items[i], err);
    return 0;
}

int
maqet_unlike_check_together(const struct maqet_definition *definition,
                            struct maqet_error **err)
{
    _cleanup_exclusives_ struct maqet_exclusives exclusives = {0};

    if (check_network(definition, err) < 0 || check_storage(definition, err) < 0)
        return -1;
    find_exclusive(definition, &exclusives);
    if (exclusives.count == 0)
        return 0;
    const struct maqet_exclusive *first = &exclusives.items[0];
    _cleanup_free_ char *what = maqet_format("%s, %s", first->option, first->what);
    return error_only_one(definition, what, first->instead, err);
}
