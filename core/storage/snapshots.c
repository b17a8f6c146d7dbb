/* SPDX-License-Identifier: MIT */
#include "core/storage/snapshots.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/lock_holder.h"
#include "core/base/printable.h"
#include "core/plugin/call.h"
#include "core/plugin/describe.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/server.h"

enum { SNAPSHOT_NAME_MAX = 128, REPORTED_MAX = 65536 };

/* ---- the list ---- */

void
maqet_snapshots_clear(struct maqet_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        free(snapshots->items[i]->id);
        free(snapshots->items[i]->name);
        free(snapshots->items[i]);
    }
    free(snapshots->items);
    *snapshots = (struct maqet_snapshots){0};
}

struct maqet_snapshot *
maqet_snapshots_append(struct maqet_snapshots *snapshots, char *id, char *name)
{
    struct maqet_snapshot *snapshot = maqet_alloc(sizeof(*snapshot));

    snapshot->id = id;
    snapshot->name = name;
    *MAQET_APPEND(snapshots->items, snapshots->count) = snapshot;
    return snapshot;
}

const struct maqet_snapshot *
maqet_snapshots_find(const struct maqet_snapshots *snapshots, const char *name,
                     bool *more)
{
    const struct maqet_snapshot *found = NULL;

    if (more)
        *more = false;
    for (size_t i = 0; i < snapshots->count; i++) {
        if (strcmp(snapshots->items[i]->name, name) != 0)
            continue;
        if (found && more)
            *more = true;
        if (!found)
            found = snapshots->items[i];
    }
    return found;
}

bool
maqet_snapshot_same(const struct maqet_snapshot *a, const struct maqet_snapshot *b)
{
    return strcmp(a->id, b->id) == 0 && a->seconds == b->seconds &&
           a->nanoseconds == b->nanoseconds;
}

char *
maqet_snapshot_date_text(const struct maqet_snapshot *snapshot)
{
    time_t moment = (time_t)snapshot->seconds;
    struct tm local;
    char date[64], zone[16];

    if (!localtime_r(&moment, &local) ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local) == 0 ||
        strftime(zone, sizeof(zone), "%z", &local) != 5)
        return maqet_format("%" PRId64 " s since 1970", snapshot->seconds);
    return maqet_format("%s.%03" PRIu32 "%.3s:%s", date, snapshot->nanoseconds / 1000000,
                        zone, zone + 3);
}

bool
maqet_snapshot_name_valid(const char *name)
{
    static const char first[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char more[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-";

    return name[0] && strchr(first, name[0]) && strspn(name, more) == strlen(name) &&
           strlen(name) <= SNAPSHOT_NAME_MAX;
}

/* ---- drives without snapshots ---- */

bool
maqet_drive_has_snapshots(const struct maqet_drive *drive)
{
    return drive->storage->snapshot.size > 0 && !maqet_drive_readonly(drive) &&
           drive->storage->plugin.creation != MAQET_CREATION_EACH_START;
}

/* Hints at the types that have snapshots, and at the conversion of the image. */
static void
hint_at_types(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_plugin_list_ struct maqet_plugin_list plugins = {0};
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;
    const char *format = NULL;

    if (!err)
        return;
    maqet_plugin_list_all(drive->context, &plugins);
    for (size_t i = 0; i < plugins.count; i++) {
        const struct maqet_plugin_info *info = &plugins.items[i];

        if (!maqet_plugin_is_usable(info, "storage") ||
            !maqet_strings_has(&info->capabilities, "snapshot"))
            continue;
        maqet_strings_add(&able, info->name);
        format = format ? format : info->format;
    }
    if (able.count == 0)
        return;
    _cleanup_free_ char *list = maqet_strings_join(&able, ", ");
    maqet_error_remark(err, "Storage types that have snapshots: %s", list);
    if (!drive->storage->plugin.interface)
        return;
    maqet_error_hint(
        err, drive->path ? "Keep its snapshots beside the image: add `snapshots: overlay`"
                         : "Keep its snapshots in the VM's folder: add `snapshots: "
                           "overlay`");
    if (!drive->path)
        return;
    _cleanup_free_ char *converted = maqet_format("%s.%s", drive->path, able.items[0]);
    _cleanup_free_ char *from = maqet_shell_quoted(drive->path);
    _cleanup_free_ char *to = maqet_shell_quoted(converted);
    maqet_error_hint(err,
                     "Convert the image: qemu-img convert -f %s -O %s %s %s; "
                     "then name that file, with `type: %s`",
                     drive->storage->plugin.format, format, from, to, able.items[0]);
}

int
maqet_drive_error_no_snapshots(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *vm = drive->machine->vm_name;

    /* It may have them if that were not wrong. */
    if (drive->fault)
        return maqet_error_copy(err, drive->fault);
    if (drive->storage->plugin.creation == MAQET_CREATION_EACH_START)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "Drive '%s' on VM '%s' is created for each start, so a "
                               "snapshot of it would be lost when the VM ends",
                               drive->name, vm);
    if (drive->storage->snapshot.size > 0)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "Drive '%s' on VM '%s' is read-only, so there is "
                               "nothing to record",
                               drive->name, vm);
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "Drive '%s' on VM '%s' is of the type %s, which does not support "
                    "snapshots",
                    drive->name, vm, drive->storage->plugin.name);
    hint_at_types(drive, err);
    return -1;
}

/* ---- the plugin's operations ---- */

/* Adds the machine, the drive and the operation to an error. */
static int
outcome(const struct maqet_drive *drive, int result, const char *what, const char *name,
        struct maqet_error **err)
{
    return result == 0
               ? 0
               : maqet_error_wrap(err, "VM '%s', drive '%s': cannot %s%s%s%s",
                                  drive->machine->vm_name, drive->name, what,
                                  name ? " '" : "", name ? name : "", name ? "'" : "");
}

/* *fd is -1 if the image is not a file of this host. */
static int
open_image(const struct maqet_drive *drive, bool writable, int *fd,
           struct maqet_error **err)
{
    *fd = drive->path ? maqet_image_open(drive, writable, err) : -1;
    return drive->path && *fd < 0 ? -1 : 0;
}

int
maqet_drive_snapshots_read(const struct maqet_drive *drive,
                           struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    _cleanup_close_ int fd = -1;

    maqet_snapshots_clear(snapshots);
    if (open_image(drive, false, &fd, err) < 0)
        return -1;
    int result = MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_SERVICE, list, fd, snapshots);
    if (outcome(drive, result, "list the snapshots", NULL, err) < 0)
        return -1;
    return snapshots->count <= REPORTED_MAX
               ? 0
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                                   "it has more than %d snapshots", REPORTED_MAX);
}

int
maqet_drive_snapshot_create(const struct maqet_drive *drive, const char *name,
                            const char *stands_for, struct maqet_error **err)
{
    return outcome(drive, MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_LONG, create, name),
                   "create the snapshot", stands_for ? stands_for : name, err);
}

int
maqet_drive_snapshot_can_create(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_close_ int fd = -1;

    if (!drive->storage->snapshot.can_create)
        return 0;
    if (open_image(drive, false, &fd, err) < 0)
        return -1;
    return MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_SERVICE, can_create, fd);
}

int
maqet_drive_snapshot_load(const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot, struct maqet_error **err)
{
    return outcome(drive,
                   MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_LONG, load, snapshot),
                   "load the snapshot", snapshot->name, err);
}

int
maqet_drive_snapshot_remove(const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot, const char *stands_for,
                            struct maqet_error **err)
{
    return outcome(
        drive, MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_LONG, remove, snapshot),
        stands_for ? "delete the temporary copy of the snapshot" : "delete the snapshot",
        stands_for ? stands_for : snapshot->name, err);
}

int
maqet_drive_snapshot_repair(const struct maqet_drive *drive, struct maqet_error **err)
{
    return drive->storage->snapshot.repair
               ? outcome(drive, MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_LONG, repair),
                         "repair the image after an interrupted operation", NULL, err)
               : 0;
}

int
maqet_drive_snapshot_rename(const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot, const char *name,
                            struct maqet_error **err)
{
    _cleanup_close_ int fd = -1;

    if (!drive->storage->snapshot.rename)
        return outcome(
            drive, maqet_drive_error_unsupported(drive, "cannot rename snapshots", err),
            "rename the snapshot", snapshot->name, err);
    if (open_image(drive, true, &fd, err) < 0)
        return -1;
    /* QEMU locks single bytes of an image; a lock on the whole file excludes it. */
    int taken = fd < 0 ? 1 : maqet_lock_try(fd, err);
    if (taken < 0)
        return -1;
    if (taken == 0) {
        maqet_error_set(err, MAQET_ERROR_BUSY,
                        "VM '%s', drive '%s': another program has %s open",
                        drive->machine->vm_name, drive->name, drive->path);
        return maqet_lock_hint(fd, err);
    }
    return outcome(
        drive,
        MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_LONG, rename, fd, snapshot, name),
        "rename the snapshot", snapshot->name, err);
}

/* ---- serving ---- */

/* The files of its command (maqet_command_file) are needed until it is ready. */
static int
await_greeting(struct maqet_process_server *server, const char *program,
               const char *socket_path, struct maqet_error **err)
{
    _cleanup_close_ int fd = maqet_server_connect(server, program, socket_path, err);

    return fd < 0 ? -1 : 0;
}

/* The command of the server; NULL on error. */
static struct maqet_command *
describe_server(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                const char *socket, struct maqet_error **err)
{
    MAQET_CALL(MAQET_CALL_QUICK);

    maqet_drive_call_concerns(drive, false, "snapshot.serve");
    struct maqet_command *command =
        drive->storage->snapshot.serve(drive, snapshot, socket, err);
    if (maqet_drive_judge(drive, drive->storage->plugin.name, "serve", command ? 0 : -1,
                          err) == 0 &&
        maqet_drive_judge_command(drive, "serve", command, err) == 0)
        return command;
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
    struct maqet_command *command = describe_server(drive, snapshot, socket, err);
    if (!command)
        return -1;
    int result = maqet_process_serve((const char *const *)command->argv.items,
                                     &command->environment, server, err);
    if (result == 0)
        result = await_greeting(server, command->argv.items[0], socket, err);
    maqet_command_free(command);
    return result < 0 ? maqet_error_wrap(err, "VM '%s', drive '%s'",
                                         drive->machine->vm_name, drive->name)
                      : 0;
}
