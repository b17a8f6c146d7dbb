/* SPDX-License-Identifier: MIT */
/*
 * nbd.c - a network block device: a disk that a server offers (qemu-nbd, nbdkit, ...), at a
 * unix socket or by TCP. There is nothing to make and no file to look at, so this is an
 * example of a storage without a path option.
 *
 * The server is not asked before QEMU connects: some end when their first client leaves
 * (qemu-nbd without --persistent), and that would be us.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { EXPORT_MAX = 4096 }; /* bytes of an export's name (the NBD protocol) */

static const char *const discards[] = {"unmap", "ignore", NULL};

static const struct maqet_option options[] = {
    {.name = "socket",
     .type = MAQET_OPTION_PATH,
     .help = "the server's unix socket; or `host`"},
    {.name = "host",
     .type = MAQET_OPTION_STRING,
     .help = "the server's name or address; or `socket`"},
    {.name = "port",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 65535,
     .fallback = "10809",
     .help = "the server's TCP port"},
    {.name = "export",
     .type = MAQET_OPTION_STRING,
     .help = "the name of what the server offers; without it its default"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "discard",
     .type = MAQET_OPTION_CHOICE,
     .choices = discards,
     .fallback = "unmap",
     .help = "whether what the guest discards is discarded at the server"},
    {.name = "reconnect",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 0,
     .maximum = 86400,
     .fallback = "60",
     .help = "seconds for which the guest waits when the connection breaks, before its "
             "requests fail"},
    {.name = NULL},
};

static int
nbd_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *socket = maqet_drive_string(drive, "socket");
    const char *host = maqet_drive_string(drive, "host");
    const char *export = maqet_drive_string(drive, "export");
    size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    if (socket && host)
        return maqet_drive_error(drive, "host", err, MAQET_ERROR_INVALID,
                                 "it has both `socket` and `host`; say where the server "
                                 "is once");
    if (!socket && !(host && *host)) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                          "it doesn't say where the server is");
        maqet_error_hint(err, "Add `socket: PATH`, or `host: NAME` and `port: NUMBER`");
        return -1;
    }
    if (socket && strlen(socket) > room)
        return maqet_drive_error(drive, "socket", err, MAQET_ERROR_INVALID,
                                 "a unix socket's path has %zu bytes at most, and this "
                                 "one %zu: %s",
                                 room, strlen(socket), socket);
    if (export && strlen(export) > EXPORT_MAX)
        return maqet_drive_error(drive, "export", err, MAQET_ERROR_INVALID,
                                 "an export's name has %d bytes at most", EXPORT_MAX);
    return 0;
}

static int
nbd_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
              struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    const char *socket = maqet_drive_string(drive, "socket");
    const char *export = maqet_drive_string(drive, "export");
    char port[16];

    (void)err;
    maqet_props_string(node, "driver", "nbd");
    if (socket) {
        maqet_props_string(node, "server.type", "unix");
        maqet_props_string(node, "server.path", socket);
    } else {
        snprintf(port, sizeof(port), "%d", (int)maqet_drive_int(drive, "port"));
        maqet_props_string(node, "server.type", "inet");
        maqet_props_string(node, "server.host", maqet_drive_string(drive, "host"));
        maqet_props_string(node, "server.port", port);
    }
    if (export)
        maqet_props_string(node, "export", export);
    if (maqet_drive_readonly(drive))
        maqet_props_bool(node, "read-only", true);
    else
        maqet_props_string(node, "discard", maqet_drive_string(drive, "discard"));
    maqet_props_int(node, "reconnect-delay", maqet_drive_int(drive, "reconnect"));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "nbd",
    .summary = "a disk that a server offers by the NBD protocol",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .readonly_option = "readonly",
    .validate = nbd_validate,
    .emit_args = nbd_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
