/* SPDX-License-Identifier: MIT */
#include "core/machine/port_choice.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/inet.h"
#include "core/base/lock_holder.h"
#include "core/machine/store.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* ms. It is held for moments only, also by processes of the same command. */
static const int64_t PATIENCE = 10000;

int
maqet_port_choice_lock(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_format("%s/vms", context->data_dir);
    _cleanup_free_ char *path = maqet_format("%s/.ports.lock", folder);
    _cleanup_free_ char *what = maqet_format("the ports of VMs in %s", folder);
    _cleanup_close_ int folder_fd = maqet_dir_open_own(folder, 0, err);

    if (folder_fd < 0)
        return -1;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", path);
    int64_t timeout = context->lock_timeout > PATIENCE ? context->lock_timeout : PATIENCE;
    return maqet_lock_wait_named(fd, timeout, what, context, err) < 0 ? -1 : TAKE_FD(fd);
}

/* ---- those that definitions name ---- */

bool
maqet_port_rule_read(const char *rule, bool *udp, char **address, uint32_t *port,
                     size_t *at)
{
    _cleanup_free_ char *side = maqet_strndup(rule, strcspn(rule, "-,"));
    const char *first = strchr(side, ':'), *last = strrchr(side, ':');

    if (!last || !isdigit((unsigned char)last[1]))
        return false;
    *udp = maqet_text_starts(rule, "udp");
    *address = last > first + 1 ? maqet_strndup(first + 1, (size_t)(last - first - 1))
                                : maqet_strdup("0.0.0.0");
    *port = (uint32_t)strtoul(last + 1, NULL, 10);
    *at = (size_t)(last + 1 - side);
    return true;
}

static void
add(struct maqet_forwards *taken, bool udp, const char *address, uint32_t port)
{
    *MAQET_APPEND(taken->items, taken->count) =
        (struct maqet_forward){.protocol = maqet_strdup(udp ? "udp" : "tcp"),
                               .address = maqet_strdup(address),
                               .host_port = port};
}

/* Those of `arguments`. */
static void
add_rules(const struct maqet_argument *argument, struct maqet_forwards *taken)
{
    char *key, *value;

    for (const char *text = argument->value;
         maqet_keyval_next(&text, "type", &key, &value);) {
        _cleanup_free_ char *address = NULL;
        uint32_t port;
        size_t at;
        bool udp;

        if (maqet_text_starts(key, "hostfwd") &&
            maqet_port_rule_read(value, &udp, &address, &port, &at))
            add(taken, udp, address, port);
        free(key);
        free(value);
    }
}

static void
add_definition(const struct maqet_definition *definition, struct maqet_forwards *taken)
{
    _cleanup_network_ struct maqet_network network = {0};
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(json_object_object_get(definition->tree, "arguments"));

    maqet_network_read(definition->tree, &network);
    for (size_t i = 0; i < network.ports.count; i++)
        add(taken, strcmp(network.ports.items[i].protocol, "udp") == 0,
            network.ports.items[i].address, network.ports.items[i].host_port);
    for (size_t i = 0; i < arguments.count; i++)
        if (maqet_qemu_option_is_like(arguments.items[i].known, "netdev"))
            add_rules(&arguments.items[i], taken);
}

void
maqet_port_choice_add_named(const struct maqet_context *context,
                            struct maqet_forwards *taken)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_definition_ struct maqet_definition *definition =
            maqet_store_load(context, names.items[i], NULL);

        if (definition)
            add_definition(definition, taken);
    }
}

/* ---- another one ---- */

static bool
is_taken(const struct maqet_forwards *taken, bool udp, uint32_t port)
{
    for (size_t i = 0; i < taken->count; i++)
        if (taken->items[i].host_port == port &&
            (strcmp(taken->items[i].protocol, "udp") == 0) == udp)
            return true;
    return false;
}

uint32_t
maqet_port_choice_next(struct maqet_forwards *taken, bool udp, const char *address,
                       uint32_t port)
{
    enum { LEAST = 1024, MOST = 65535 };

    for (uint32_t tried = 0; tried < MOST; tried++) {
        port = port >= MOST ? LEAST : port + 1;
        const struct maqet_inet_port wanted = {
            .udp = udp, .address = address, .port = (uint16_t)port};

        if (is_taken(taken, udp, port) || maqet_inet_try(&wanted) != 0)
            continue;
        add(taken, udp, address, port);
        return port;
    }
    return 0;
}
