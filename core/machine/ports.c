/* SPDX-License-Identifier: MIT */
#include "core/machine/ports.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/inet.h"
#include "core/base/json.h"
#include "core/machine/devices.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"

/* ---- whether they are free ---- */

static struct maqet_inet_port
port_of(const struct maqet_forward *forward)
{
    return (struct maqet_inet_port){.udp = strcmp(forward->protocol, "udp") == 0,
                                    .address = forward->address,
                                    .port = (uint16_t)forward->host_port};
}

/* Whether the machine's own QEMU is among them, which ends before it is started again. */
static bool
is_own(const struct maqet_vm *vm, const struct maqet_file_users *users)
{
    for (size_t i = 0; i < users->count; i++)
        if (users->items[i].vm && !users->items[i].data_dir && !users->items[i].helper &&
            strcmp(users->items[i].vm, vm->definition->name) == 0)
            return true;
    return false;
}

/* What to do about a port that another process has. */
static void
hint_in_use(const struct maqet_forward *forward, const struct maqet_file_users *users,
            struct maqet_error **err)
{
    if (users->count > 0 && users->items[0].vm && !users->items[0].data_dir)
        maqet_error_next(err, MAQET_NEXT_STOP, users->items[0].vm, NULL);
    maqet_error_hint(err,
                     "Forward another port; with \"auto:%" PRIu32 "\", each start "
                     "chooses a free one",
                     forward->guest_port);
}

/* A process that is not visible. The caller frees. */
static char *
user_text(unsigned uid)
{
    const struct passwd *user = getpwuid(uid);

    return user ? maqet_format("a process of the user '%s'", user->pw_name)
                : maqet_format("a process of the user %u", uid);
}

static int
check_in_use(const struct maqet_vm *vm, const struct maqet_forward *forward,
             const struct maqet_inet_port *port, struct maqet_error **err)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};
    _cleanup_free_ char *text = maqet_forward_text(forward);
    struct maqet_inet_holder holder;
    bool found = maqet_inet_find(port, &holder);

    /* Whoever had it may have ended in between. */
    if (!found && maqet_inet_try(port) != EADDRINUSE)
        return 0;
    if (found)
        maqet_holders_find_socket(vm->context, holder.inode, &users, NULL);
    if (is_own(vm, &users))
        return 0;
    _cleanup_free_ char *who = found && users.count == 0
                                   ? user_text(holder.uid)
                                   : maqet_file_users_text(&users, users.count);
    maqet_place_error(forward->place, err, MAQET_ERROR_BUSY,
                      "VM '%s': the port %s of this host is in use by %s",
                      vm->definition->name, text, who);
    hint_in_use(forward, &users, err);
    return -1;
}

static int
check_free(const struct maqet_vm *vm, const struct maqet_forward *forward,
           struct maqet_error **err)
{
    const struct maqet_inet_port port = port_of(forward);
    _cleanup_free_ char *text = maqet_forward_text(forward);
    int reason = maqet_inet_try(&port);

    switch (reason) {
    case EADDRINUSE:
        return check_in_use(vm, forward, &port, err);
    case EACCES:
    case EPERM:
        maqet_place_error(forward->place, err, MAQET_ERROR_PERMISSION,
                          "VM '%s': only root may listen on the port %s of this host",
                          vm->definition->name, text);
        maqet_error_hint(err,
                         "Forward a port from 1024 on; or, as root, allow lower ones: "
                         "sysctl net.ipv4.ip_unprivileged_port_start=%" PRIu32,
                         forward->host_port);
        return -1;
    case EADDRNOTAVAIL:
        return maqet_place_invalid(forward->place, err,
                                   "VM '%s': this host has no address %s",
                                   vm->definition->name, forward->address);
    default:
        /* QEMU reports anything else. */
        return 0;
    }
}

int
maqet_ports_check_free(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_network_ struct maqet_network network = {0};

    if (!maqet_devices_have_network(vm, &network))
        return 0;
    for (size_t i = 0; i < network.ports.count; i++)
        if (check_free(vm, &network.ports.items[i], err) < 0)
            return -1;
    return 0;
}

int
maqet_ports_explain(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    /* QEMU: slirp_hostfwd() in net/slirp.c. */
    if (!err || !strstr((*err)->message, "Could not set up host forwarding rule"))
        return -1;
    if (maqet_ports_check_free(vm, &reason) == 0) {
        maqet_error_hint(err, "The port was in use a moment ago, and is free now: start "
                              "the VM again");
        return -1;
    }
    maqet_error_clear(err);
    return maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- those of a machine that runs ---- */

/* A row of QEMU's table of connections (libslirp: slirp_connection_info() in src/misc.c):
 * "TCP[HOST_FORWARD]  13       127.0.0.1  2222       10.0.2.15    22     0     0". */
static bool
read_row(const char *line, struct maqet_forward *forward)
{
    char protocol[4], address[16];
    unsigned host, guest;

    if (sscanf(line, " %3[A-Z][HOST_FORWARD] %*d %15[0-9.*] %u %*s %u", protocol, address,
               &host, &guest) != 4)
        return false;
    *forward = (struct maqet_forward){
        .protocol = maqet_strdup(strcmp(protocol, "UDP") == 0 ? "udp" : "tcp"),
        .address = maqet_strdup(strcmp(address, "*") == 0 ? "0.0.0.0" : address),
        .host_port = host,
        .guest_port = guest};
    return true;
}

int
maqet_ports_ask(struct maqet_opened *machine, struct maqet_forwards *forwards,
                struct maqet_error **err)
{
    _cleanup_json_ json_object *table = maqet_monitor_ask(
        machine, "human-monitor-command",
        maqet_json_object("command-line", json_object_new_string("info usernet"), NULL),
        err);
    struct maqet_forward forward;

    if (!table)
        return -1;
    for (const char *line = json_object_get_string(table); line && *line;
         line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
        if (read_row(line, &forward))
            *MAQET_APPEND(forwards->items, forwards->count) = forward;
    return 0;
}
