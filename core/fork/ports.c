/* SPDX-License-Identifier: MIT */
#include "core/fork/ports.h"

#include <inttypes.h>
#include <string.h>

#include "core/config/options.h"
#include "core/machine/network.h"

enum { PORT_MAX = 65535 };

static bool
read_port(const char *text, uint32_t *port)
{
    int64_t number;

    if (!maqet_parse_int(text, &number) || number < 1 || number > PORT_MAX)
        return false;
    *port = (uint32_t)number;
    return true;
}

static int
error_not_forwarded(const struct maqet_network *network, const char *name, uint32_t port,
                    struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings there = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < network->ports.count; i++)
        maqet_strings_addf(&there, "%" PRIu32, network->ports.items[i].guest_port);
    _cleanup_free_ char *list = maqet_strings_list(&there);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "VM '%s': its `ports` do not lead to port %" PRIu32
                    " of the guest, but to: %s",
                    name, port, list);
    return -1;
}

/* The text of an entry, with another port of the host: "ADDRESS:HOST:GUEST/PROTOCOL". The caller
 * frees. */
static char *
text_of(const struct maqet_forward *forward, uint32_t port)
{
    return maqet_format("%s:%" PRIu32 ":%" PRIu32 "/%s", forward->address, port,
                        forward->guest_port, forward->protocol);
}

int
maqet_fork_ports_set(struct maqet_definition *definition,
                     const struct maqet_strings *wanted, struct maqet_error **err)
{
    json_object *list = json_object_object_get(definition->tree, "ports");

    for (size_t i = 0; wanted && i < wanted->count; i++) {
        _cleanup_network_ struct maqet_network network = {0};
        const char *colon = strchr(wanted->items[i], ':');
        uint32_t of_host, of_guest;
        _cleanup_free_ char *first =
            colon ? maqet_strndup(wanted->items[i], (size_t)(colon - wanted->items[i]))
                  : NULL;

        if (!colon || !read_port(first, &of_host) || !read_port(colon + 1, &of_guest))
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "'%s' is not a port of the host and one of the guest, "
                                   "such as 2222:22",
                                   wanted->items[i]);
        maqet_network_read(definition->tree, &network);
        size_t found = 0;
        while (found < network.ports.count &&
               network.ports.items[found].guest_port != of_guest)
            found++;
        if (found == network.ports.count)
            return error_not_forwarded(&network, definition->name, of_guest, err);
        _cleanup_free_ char *text = text_of(&network.ports.items[found], of_host);
        json_object_array_put_idx(list, found, json_object_new_string(text));
    }
    return maqet_network_check(definition->tree, err);
}
