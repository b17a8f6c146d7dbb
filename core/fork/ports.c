/* SPDX-License-Identifier: MIT */
#include "core/fork/ports.h"

#include <inttypes.h>
#include <string.h>

#include "core/config/options.h"
#include "core/machine/network.h"

enum { PORT_MAX = 65535 };

/* What the user wants: "2222:22", or "5353:53/udp". */
struct wish {
    uint32_t host_port, guest_port;
    const char *protocol; /* NULL: TCP if there is such a port, or else the other one */
};

static bool
read_port(const char *text, size_t length, uint32_t *port)
{
    _cleanup_free_ char *digits = maqet_strndup(text, length);
    int64_t number;

    if (!maqet_parse_int(digits, &number) || number < 1 || number > PORT_MAX)
        return false;
    *port = (uint32_t)number;
    return true;
}

static int
read_wish(const char *text, struct wish *wish, struct maqet_error **err)
{
    static const char *const protocols[] = {"tcp", "udp", NULL};
    const char *colon = strchr(text, ':');
    const char *slash = colon ? strchr(colon, '/') : NULL;

    wish->protocol = slash ? slash + 1 : NULL;
    return colon && read_port(text, (size_t)(colon - text), &wish->host_port) &&
                   read_port(colon + 1,
                             slash ? (size_t)(slash - colon - 1) : strlen(colon + 1),
                             &wish->guest_port) &&
                   (!slash || maqet_text_is_one_of(wish->protocol, protocols))
               ? 0
               : maqet_error_set(err, MAQET_ERROR_INVALID,
                                 "'%s' is not a port of the host and one of the guest, "
                                 "such as 2222:22 or 5353:53/udp",
                                 text);
}

/* As in `ports`: "22", or "53/udp". The caller frees. */
static char *
guest_text(uint32_t port, const char *protocol)
{
    return protocol && strcmp(protocol, "tcp") != 0
               ? maqet_format("%" PRIu32 "/%s", port, protocol)
               : maqet_format("%" PRIu32, port);
}

static int
error_not_forwarded(const struct maqet_network *network, const char *name,
                    const struct wish *wish, bool taken, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings there = MAQET_STRINGS_INIT;
    _cleanup_free_ char *port = guest_text(wish->guest_port, wish->protocol);

    if (taken)
        return maqet_error_set(
            err, MAQET_ERROR_INVALID,
            "VM '%s': more ports of the host are wanted for port %s of "
            "the guest than its `ports` lead there",
            name, port);
    for (size_t i = 0; i < network->ports.count; i++)
        maqet_strings_take(&there, guest_text(network->ports.items[i].guest_port,
                                              network->ports.items[i].protocol));
    _cleanup_free_ char *list = maqet_strings_list(&there);
    maqet_error_set(
        err, MAQET_ERROR_INVALID,
        "VM '%s': its `ports` do not lead to port %s of the guest, but to: %s", name,
        port, list);
    return -1;
}

/* The first entry that is meant. @taken: those that have been given a port already, which are passed over;
 * NULL: none is. The count of entries: there is none. */
static size_t
find(const struct maqet_forwards *ports, const struct wish *wish, const char *protocol,
     const bool *taken)
{
    size_t i = 0;

    while (i < ports->count &&
           ((taken && taken[i]) || ports->items[i].guest_port != wish->guest_port ||
            (protocol && strcmp(ports->items[i].protocol, protocol) != 0)))
        i++;
    return i;
}

/* The text of an entry, with another port of the host: "ADDRESS:HOST:GUEST/PROTOCOL". The caller
 * frees. */
static char *
text_of(const struct maqet_forward *forward, uint32_t port)
{
    return maqet_format("%s:%" PRIu32 ":%" PRIu32 "/%s", forward->address, port,
                        forward->guest_port, forward->protocol);
}

static int
set_one(json_object *list, const struct maqet_network *network, const char *name,
        const struct wish *wish, bool *taken, struct maqet_error **err)
{
    const struct maqet_forwards *ports = &network->ports;
    size_t found = find(ports, wish, wish->protocol ? wish->protocol : "tcp", taken);

    if (found == ports->count && !wish->protocol)
        found = find(ports, wish, NULL, taken);
    if (found == ports->count)
        return error_not_forwarded(network, name, wish,
                                   find(ports, wish, wish->protocol, NULL) < ports->count,
                                   err);
    _cleanup_free_ char *text = text_of(&ports->items[found], wish->host_port);
    json_object_array_put_idx(list, found, json_object_new_string(text));
    taken[found] = true;
    return 0;
}

int
maqet_fork_ports_set(struct maqet_definition *definition,
                     const struct maqet_strings *wanted, struct maqet_error **err)
{
    json_object *list = json_object_object_get(definition->tree, "ports");
    _cleanup_network_ struct maqet_network network = {0};

    maqet_network_read(definition->tree, &network);
    _cleanup_free_ bool *taken = maqet_alloc(network.ports.count * sizeof(*taken) + 1);
    for (size_t i = 0; wanted && i < wanted->count; i++) {
        struct wish wish = {0};

        if (read_wish(wanted->items[i], &wish, err) < 0 ||
            set_one(list, &network, definition->name, &wish, taken, err) < 0)
            return -1;
    }
    return maqet_network_check(definition->tree, err);
}
