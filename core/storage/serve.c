/* SPDX-License-Identifier: MIT */
#include "core/storage/serve.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/plugin/host.h"
#include "core/storage/callback.h"

/* ms until a server must be ready, and between two looks. */
static const int64_t READY_TIMEOUT = 10000;
static const int READY_INTERVAL = 2;

/* A connection to the socket, or -1: nobody listens yet. */
static int
connect_to(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(socket_path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? TAKE_FD(fd)
                                                                          : -1;
}

/*
 * A server is ready when it greets, as the NBD protocol has it (doc/proto.md of NBD): one
 * may listen before it has opened the image, which can fail, and what its command keeps
 * for it (maqet_command_file) is needed until then.
 */
static int
await_greeting(struct maqet_process_server *server, const char *program,
               const char *socket_path, struct maqet_error **err)
{
    int64_t deadline = maqet_now() + READY_TIMEOUT;
    _cleanup_close_ int fd = -1;
    char byte;

    for (;;) {
        if (fd < 0)
            fd = connect_to(socket_path);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, READY_INTERVAL) > 0) {
            if (recv(fd, &byte, 1, 0) == 1)
                return 0;
            close(TAKE_FD(fd));
        }
        if (maqet_process_server_check(server, program, err) < 0)
            return -1;
        if (maqet_now() >= deadline) {
            maqet_process_server_end(server);
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s does not become ready",
                                   program);
        }
    }
}

/* The command that serves; NULL on error. */
static struct maqet_command *
describe(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
         const char *socket, struct maqet_error **err)
{
    MAQET_CALL(MAQET_CALL_QUICK);

    maqet_drive_call_concerns(drive, false);
    struct maqet_command *command =
        drive->storage->snapshot.serve(drive, snapshot, socket, err);
    if (maqet_drive_judge(drive, drive->storage->plugin.name, "serve", command ? 0 : -1,
                          err) == 0)
        return command;
    if (command)
        maqet_command_free(command);
    return NULL;
}

int
maqet_drive_snapshot_serve(const struct maqet_drive *drive,
                           const struct maqet_snapshot *snapshot, const char *socket,
                           struct maqet_process_server *server, struct maqet_error **err)
{
    unlink(socket);
    if (!drive->storage->snapshot.serve) {
        maqet_drive_error_unsupported(drive, "cannot offer a snapshot without loading it",
                                      err);
        maqet_error_hint(err, "Load the checkpoint instead");
        return -1;
    }
    struct maqet_command *command = describe(drive, snapshot, socket, err);
    if (!command)
        return -1;
    int result =
        maqet_process_serve((const char *const *)command->argv.items, server, err);
    if (result == 0)
        result = await_greeting(server, command->argv.items[0], socket, err);
    maqet_command_free(command);
    return result < 0 ? maqet_error_wrap(err, "VM '%s', drive '%s'",
                                         drive->machine->vm_name, drive->name)
                      : 0;
}
