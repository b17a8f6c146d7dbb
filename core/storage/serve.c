/* SPDX-License-Identifier: MIT */
/*
 * serve.c - a snapshot's content for readers, by a program of the storage's.
 */
#include <poll.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/plugin/call.h"
#include "core/plugin/host.h"
#include "core/storage/snapshots.h"

/* ms until a server must be ready, and between two looks. */
static const int64_t READY_TIMEOUT = 10000;
static const int READY_INTERVAL = 2;

static int
await_socket(struct maqet_process_server *server, const char *program, const char *socket,
             struct maqet_error **err)
{
    int64_t deadline = maqet_now() + READY_TIMEOUT;

    while (access(socket, F_OK) < 0) {
        if (maqet_process_server_check(server, program, err) < 0)
            return -1;
        if (maqet_now() >= deadline) {
            maqet_process_server_end(server);
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s does not get ready",
                                   program);
        }
        poll(NULL, 0, READY_INTERVAL);
    }
    return 0;
}

static int
error_unsupported(const struct maqet_drive *drive, struct maqet_error **err)
{
    maqet_error_set(
        err, MAQET_ERROR_UNSUPPORTED,
        "Virtual machine '%s', drive '%s': the type %s can't offer a snapshot "
        "without loading it",
        drive->machine->vm_name, drive->name, drive->storage->plugin.name);
    maqet_error_hint(err, "Load the checkpoint instead");
    return -1;
}

int
maqet_drive_snapshot_serve(const struct maqet_drive *drive,
                           const struct maqet_snapshot *snapshot, const char *socket,
                           struct maqet_process_server *server, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    MAQET_CALL(MAQET_CALL_QUICK);

    if (!table->serve)
        return error_unsupported(drive, err);
    unlink(socket);
    struct maqet_command *command = table->serve(drive, snapshot, socket, err);
    if (maqet_drive_judge(drive, drive->storage->plugin.name, "serve", command ? 0 : -1,
                          err) < 0) {
        if (command)
            maqet_command_free(command);
        return -1;
    }
    int result =
        maqet_process_serve((const char *const *)command->argv.items, server, err);
    if (result == 0)
        result = await_socket(server, command->argv.items[0], socket, err);
    maqet_command_free(command);
    return result < 0 ? maqet_error_wrap(err, "Virtual machine '%s', drive '%s'",
                                         drive->machine->vm_name, drive->name)
                      : 0;
}
