/* SPDX-License-Identifier: MIT */
#include "core/storage/served.h"

#include <unistd.h>

#include "core/base/json.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/server.h"

/* The name of an image that a server offers. */
static char *
image_at(const char *socket)
{
    _cleanup_json_ json_object *node = json_object_new_object();
    json_object *server = json_object_new_object();

    json_object_object_add(server, "type", json_object_new_string("unix"));
    json_object_object_add(server, "path", json_object_new_string(socket));
    json_object_object_add(node, "driver", json_object_new_string(MAQET_SERVED_DRIVER));
    json_object_object_add(node, "server", server);
    return maqet_format(
        "json:%s", json_object_to_json_string_ext(
                       node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The command of a server of what a drive holds; NULL on error. */
static struct maqet_command *
describe(const struct maqet_drive *drive, const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_strings_add(&command->argv, "qemu-nbd");
    maqet_strings_add(&command->argv, "--read-only");
    maqet_strings_add(&command->argv, "--persistent");
    maqet_strings_addf(&command->argv, "--socket=%s", socket);
    if (maqet_storage_emit_args(drive, args, err) == 0) {
        if (maqet_args_render_image(args, maqet_drive_node(drive), &command->argv))
            return command;
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "it has no image that qemu-nbd could open");
    }
    maqet_command_free(command);
    return NULL;
}

static int
serve_drive(const struct maqet_drive *drive, const char *socket,
            struct maqet_process_server *server, struct maqet_error **err)
{
    struct maqet_command *command = describe(drive, socket, err);

    if (!command)
        return -1;
    unlink(socket);
    int result = maqet_process_serve((const char *const *)command->argv.items,
                                     &command->environment, server, err);
    if (result == 0) {
        _cleanup_close_ int fd =
            maqet_server_connect(server, command->argv.items[0], socket, err);
        result = fd < 0 ? -1 : 0;
    }
    maqet_command_free(command);
    return result < 0 ? maqet_error_wrap(err, "VM '%s', drive '%s'",
                                         drive->machine->vm_name, drive->name)
                      : 0;
}

int
maqet_served_begin(struct maqet_served *served, const struct maqet_drive *drive,
                   const struct maqet_snapshot *snapshot, const char *socket,
                   struct maqet_error **err)
{
    served->socket = maqet_strdup(socket);
    served->image = image_at(socket);
    return snapshot
               ? maqet_drive_snapshot_serve(drive, snapshot, socket, &served->server, err)
               : serve_drive(drive, socket, &served->server, err);
}

void
maqet_served_end(struct maqet_served *served)
{
    if (served->server.pid > 0)
        maqet_process_server_end(&served->server);
    if (served->socket)
        unlink(served->socket);
    free(TAKE_PTR(served->socket));
    free(TAKE_PTR(served->image));
}
