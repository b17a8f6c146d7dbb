/* SPDX-License-Identifier: MIT */
#include "core/machine/network.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/text.h"
#include "core/config/options.h"

static const char *const type_words[] = {"user", "none", "tap", "bridge", NULL};

const struct maqet_option maqet_network_options[] = {
    {MAQET_OPTION("type", CHOICE, "how the guest is connected"), .choices = type_words},
    {MAQET_OPTION("interface", STRING, "with `tap`: the interface of the host")},
    {MAQET_OPTION("bridge", STRING, "with `bridge`: the bridge of the host")},
    {MAQET_OPTION("mac", STRING, "the MAC address of the guest's network card")},
    {MAQET_OPTION("model", STRING, "QEMU's device that is the guest's network card")},
    {.name = NULL},
};

const struct maqet_fields maqet_forward_fields = MAQET_FIELDS_OF(
    struct maqet_forward, MAQET_ROW(struct maqet_forward, protocol, "`tcp` or `udp`"),
    MAQET_ROW(struct maqet_forward, address, "the address of the host"),
    MAQET_ROW(struct maqet_forward, host_port,
              "the port of the host; 0 if none is chosen"),
    MAQET_ROW(struct maqet_forward, guest_port, "the port of the guest"));

const char *
maqet_network_type_name(unsigned type)
{
    return type < sizeof(type_words) / sizeof(*type_words) ? type_words[type] : NULL;
}

static enum maqet_network_type
type_of(const char *word)
{
    unsigned type = 0;

    while (word && type_words[type] && strcmp(type_words[type], word) != 0)
        type++;
    return type_words[type] ? (enum maqet_network_type)type : MAQET_NETWORK_USER;
}

/* ---- ports ---- */

static void
clear_port(struct maqet_forward *port)
{
    free(port->protocol);
    free(port->address);
    *port = (struct maqet_forward){0};
}

void
maqet_forwards_clear(struct maqet_forwards *ports)
{
    for (size_t i = 0; i < ports->count; i++)
        clear_port(&ports->items[i]);
    free(ports->items);
    *ports = (struct maqet_forwards){0};
}

char *
maqet_forward_text(const struct maqet_forward *port)
{
    return port->host_port > 0
               ? maqet_format("%s %s:%" PRIu32, port->protocol, port->address,
                              port->host_port)
               : maqet_format("%s %s:auto", port->protocol, port->address);
}

static bool
read_number(const char *text, uint32_t *port)
{
    enum { MOST = 65535, DIGITS = 5 };

    if (!*text || text[strspn(text, "0123456789")] || strlen(text) > DIGITS)
        return false;
    *port = (uint32_t)strtoul(text, NULL, 10);
    return *port > 0 && *port <= MOST;
}

/* Reads "[ADDRESS:]HOST:GUEST[/PROTOCOL]". Returns what is wrong with it; NULL: nothing. */
static const char *
read_port(const char *text, struct maqet_forward *port)
{
    const char *slash = strrchr(text, '/');
    _cleanup_free_ char *sides =
        slash ? maqet_strndup(text, (size_t)(slash - text)) : maqet_strdup(text);
    char *guest = strrchr(sides, ':');
    struct in_addr address;

    port->protocol = maqet_strdup(slash ? slash + 1 : "tcp");
    if (strcmp(port->protocol, "tcp") != 0 && strcmp(port->protocol, "udp") != 0)
        return "its protocol can be: tcp, udp";
    if (!guest)
        return "write it as HOST:GUEST, such as 2222:22 or auto:22";
    *guest++ = '\0';
    char *host = strrchr(sides, ':');
    port->address = maqet_strdup(host ? sides : "127.0.0.1");
    if (host) {
        port->address[host - sides] = '\0';
        host++;
    } else {
        host = sides;
    }
    if (inet_pton(AF_INET, port->address, &address) != 1)
        return "its address is no IPv4 address, such as 127.0.0.1 or 0.0.0.0";
    if (strcmp(host, "auto") != 0 && !read_number(host, &port->host_port))
        return "the host's port must be from 1 to 65535, or `auto`";
    return read_number(guest, &port->guest_port) ? NULL
                                                 : "the guest's port must be from 1 to "
                                                   "65535";
}

/* Whether both would listen on the same port of the host. */
static bool
clashes(const struct maqet_forward *port, const struct maqet_forward *other)
{
    static const char all[] = "0.0.0.0";

    return port->host_port > 0 && port->host_port == other->host_port &&
           strcmp(port->protocol, other->protocol) == 0 &&
           (strcmp(port->address, other->address) == 0 ||
            strcmp(port->address, all) == 0 || strcmp(other->address, all) == 0);
}

static int
check_port(json_object *list, size_t index, struct maqet_forwards *ports,
           struct maqet_error **err)
{
    json_object *item = json_object_array_get_idx(list, index);
    struct maqet_place place = maqet_tree_place_of_item(list, index);
    struct maqet_forward *port = MAQET_APPEND(ports->items, ports->count);

    *port = (struct maqet_forward){.place = place};
    if (!json_object_is_type(item, json_type_string))
        return maqet_place_invalid(place, err,
                                   "an item of 'ports' is a text such as \"2222:22\"");
    const char *text = json_object_get_string(item), *wrong = read_port(text, port);
    if (wrong)
        return maqet_place_invalid(place, err, "the port is '%s'; %s", text, wrong);
    for (size_t i = 0; i < index; i++) {
        if (!clashes(port, &ports->items[i]))
            continue;
        _cleanup_free_ char *first = maqet_place_text(ports->items[i].place);
        return maqet_place_invalid(place, err,
                                   "port %" PRIu32 " of the host is forwarded twice; the "
                                   "first is at %s",
                                   port->host_port, first);
    }
    return 0;
}

static int
check_ports(json_object *tree, enum maqet_network_type type, struct maqet_error **err)
{
    _cleanup_forwards_ struct maqet_forwards ports = {0};
    json_object *list = json_object_object_get(tree, "ports");
    size_t count = list ? json_object_array_length(list) : 0;
    struct maqet_error *error = NULL; /* of one port */
    bool wrong = false;

    for (size_t i = 0; i < count; i++) {
        check_port(list, i, &ports, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    if (wrong || count == 0 || type == MAQET_NETWORK_USER)
        return wrong ? -1 : 0;
    maqet_place_invalid(maqet_tree_place_of_value(tree, "ports"), err,
                        "ports are only forwarded by the network 'user', and it is '%s'",
                        type_words[type]);
    if (type != MAQET_NETWORK_NONE)
        maqet_error_hint(err, "On that network, the guest has an address of its own: "
                              "remove `ports`");
    return -1;
}

/* ---- the network ---- */

/* The name of an interface or of a bridge of the host. */
static int
check_name(json_object *mapping, const char *key, struct maqet_error **err)
{
    const char *text = maqet_tree_text(mapping, key);

    if (!text || (*text && strlen(text) < IFNAMSIZ && !strpbrk(text, "/,: \t")))
        return 0;
    return maqet_place_invalid(maqet_tree_place_of_value(mapping, key), err,
                               "'%s' of the network is '%s', which cannot be the name of "
                               "an interface",
                               key, text);
}

static int
check_only_with(json_object *mapping, const char *key, enum maqet_network_type type,
                enum maqet_network_type wanted, struct maqet_error **err)
{
    if (!maqet_tree_text(mapping, key) || type == wanted)
        return check_name(mapping, key, err);
    return maqet_place_invalid(maqet_tree_place_of_key(mapping, key), err,
                               "'%s' is for the network '%s', and it is '%s'", key,
                               type_words[wanted], type_words[type]);
}

/* "52:54:00:12:34:56" */
static bool
is_mac(const char *text)
{
    enum { LENGTH = 17, BYTE = 3 };

    if (strlen(text) != LENGTH)
        return false;
    for (size_t i = 0; i < LENGTH; i++)
        if (i % BYTE == BYTE - 1 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

static int
check_mac(json_object *mapping, struct maqet_error **err)
{
    const char *text = maqet_tree_text(mapping, "mac");
    struct maqet_place place = maqet_tree_place_of_value(mapping, "mac");

    if (!text)
        return 0;
    if (!is_mac(text))
        return maqet_place_invalid(place, err,
                                   "'mac' is '%s', which is not a MAC address, such as "
                                   "52:54:00:12:34:56",
                                   text);
    /* The last bit of the first byte (IEEE 802). */
    return strchr("02468aceACE", text[1])
               ? 0
               : maqet_place_invalid(place, err,
                                     "'mac' is '%s', which is the address of a group: "
                                     "its first byte must be even",
                                     text);
}

static int
check_model(json_object *mapping, struct maqet_error **err)
{
    const char *model = maqet_tree_text(mapping, "model");

    return model && (!*model || strpbrk(model, ",="))
               ? maqet_place_invalid(maqet_tree_place_of_value(mapping, "model"), err,
                                     "'model' is '%s', which is not a device of QEMU's",
                                     model)
               : 0;
}

static int
check_mapping(json_object *mapping, struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {maqet_network_options, NULL};
    struct maqet_error *error = NULL; /* of one key */

    if (maqet_options_check(mapping, tables, NULL, "the network", err) < 0)
        return -1;
    enum maqet_network_type type = type_of(maqet_tree_text(mapping, "type"));
    bool wrong = check_model(mapping, err) < 0;
    check_only_with(mapping, "interface", type, MAQET_NETWORK_TAP, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    check_only_with(mapping, "bridge", type, MAQET_NETWORK_BRIDGE, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    check_mac(mapping, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

/* A text that is the type alone. */
static int
check_word(json_object *tree, struct maqet_error **err)
{
    _cleanup_json_ json_object *mapping =
        maqet_tree_mapping(maqet_tree_place_of_value(tree, "network"));
    struct maqet_place place = maqet_tree_place_of_value(tree, "network");

    maqet_tree_set(mapping, "type",
                   json_object_get(json_object_object_get(tree, "network")), place,
                   place);
    return check_mapping(mapping, err);
}

/* Checks the key `network`. *type is that of the network, if it is known. */
static int
check_network(json_object *tree, enum maqet_network_type *type, struct maqet_error **err)
{
    json_object *value = json_object_object_get(tree, "network");
    bool mapping = json_object_is_type(value, json_type_object);

    if (json_object_is_type(value, json_type_array))
        return maqet_place_invalid(maqet_tree_place_of_value(tree, "network"), err,
                                   "'network' is a word (user, none, tap, bridge), or a "
                                   "mapping such as `{type: bridge, bridge: br0}`");
    *type =
        type_of(maqet_tree_text(mapping ? value : tree, mapping ? "type" : "network"));
    if (mapping)
        return check_mapping(value, err);
    return value ? check_word(tree, err) : 0;
}

int
maqet_network_check(json_object *tree, struct maqet_error **err)
{
    enum maqet_network_type type = MAQET_NETWORK_USER;
    struct maqet_error *error = NULL;
    bool wrong = check_network(tree, &type, err) < 0;

    check_ports(tree, type, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

static const char *
text_or(const char *text, const char *fallback)
{
    return text ? text : fallback;
}

void
maqet_network_read(json_object *tree, struct maqet_network *network)
{
    json_object *value = json_object_object_get(tree, "network");
    json_object *list = json_object_object_get(tree, "ports");
    json_object *mapping = json_object_is_type(value, json_type_object) ? value : NULL;
    size_t count =
        json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    /* Without names, those that QEMU itself uses (qemu(1), -netdev). */
    *network = (struct maqet_network){
        .type = type_of(
            maqet_tree_text(mapping ? mapping : tree, mapping ? "type" : "network")),
        .given = value || count > 0,
        .interface = text_or(maqet_tree_text(mapping, "interface"), "tap0"),
        .bridge = text_or(maqet_tree_text(mapping, "bridge"), "br0"),
        .mac = maqet_tree_text(mapping, "mac"),
        .model = text_or(maqet_tree_text(mapping, "model"), MAQET_NETWORK_CARD),
    };
    for (size_t i = 0; i < count; i++) {
        struct maqet_forward port = {.place = maqet_tree_place_of_item(list, i)};
        json_object *item = json_object_array_get_idx(list, i);

        /* A definition that was edited may be invalid. */
        if (item && !read_port(json_object_get_string(item), &port))
            *MAQET_APPEND(network->ports.items, network->ports.count) = port;
        else
            clear_port(&port);
    }
}

void
maqet_network_clear(struct maqet_network *network)
{
    maqet_forwards_clear(&network->ports);
}

char *
maqet_network_mac(const char *uuid, unsigned index)
{
    _cleanup_free_ char *source = maqet_format("%s/%u", uuid, index);
    uint64_t hash = XXH3_64bits(source, strlen(source));

    return maqet_format("52:54:00:%02x:%02x:%02x", (unsigned)(hash >> 16 & 0xff),
                        (unsigned)(hash >> 8 & 0xff), (unsigned)(hash & 0xff));
}
