/* SPDX-License-Identifier: MIT */
#include "core/storage/callback.h"

#include <string.h>

#include "core/plugin/host.h"
#include "core/qemu/actions.h"
#include "core/qemu/objects.h"

/* ---- what a callback has come to ---- */

int
maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                  const char *callback, int result, struct maqet_error **err)
{
    if (err && *err)
        return -1;
    if (result == 0)
        return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                             "the plugin '%s' failed in %s without saying why", plugin,
                             callback);
}

int
maqet_drive_judge_args(const struct maqet_drive *drive, const char *plugin,
                       const char *callback, const struct maqet_args *args, int result,
                       struct maqet_error **err)
{
    if (maqet_drive_judge(drive, plugin, callback, result, err) < 0)
        return -1;
    return maqet_args_fault(args)
               ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                   "the plugin '%s' emitted something that QEMU "
                                   "cannot take: %s",
                                   plugin, maqet_args_fault(args))
               : 0;
}

int
maqet_drive_judge_actions(const struct maqet_drive *drive,
                          const struct maqet_actions *actions, const char *callback,
                          int result, struct maqet_error **err)
{
    const char *plugin = drive->storage->plugin.name;

    if (maqet_drive_judge(drive, plugin, callback, result, err) < 0)
        return -1;
    return maqet_actions_fault(actions)
               ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                   "the plugin '%s' emitted an invalid action: %s",
                                   plugin, maqet_actions_fault(actions))
               : 0;
}

static int
judge(const struct maqet_drive *drive, const char *callback, int result,
      struct maqet_error **err)
{
    return maqet_drive_judge(drive, drive->storage->plugin.name, callback, result, err);
}

/* @what: what the type can't do. */
static int
error_unsupported(const struct maqet_drive *drive, const char *what,
                  struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "Drive '%s' on VM '%s': the type %s %s", drive->name,
                           drive->machine->vm_name, drive->storage->plugin.name, what);
}

/* ---- while it runs ---- */

/* "qemu-img create": the program, and the subcommand, where it has one. The caller frees.
 */
static char *
words_of(const char *const *argv)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];

    return argv[1] && *argv[1] && argv[1][strspn(argv[1], letters)] == '\0'
               ? maqet_format("%s %s", program, argv[1])
               : maqet_strdup(program);
}

void
maqet_drive_sign(const void *about, const char *const *argv, int64_t elapsed)
{
    const struct maqet_drive *drive = about;
    const struct maqet_context *context = drive->context;

    if (!context->progress)
        return;
    if (!argv) {
        context->progress(context->data, NULL, -1, elapsed);
        return;
    }
    _cleanup_free_ char *words = words_of(argv);
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': %s is still running",
                                             drive->machine->vm_name, drive->name, words);
    context->progress(context->data, what, -1, elapsed);
}

/* What a program says that the plugin runs goes to the drive's log. */
static void
concern(const struct maqet_drive *drive)
{
    maqet_call_log_set(drive->log);
    maqet_call_sign_set(maqet_drive_sign, drive);
}

/* For the rest of a function: what it calls is about @drive, and has so many ms. */
#define CALL(drive, limit)                                                               \
    MAQET_CALL(limit);                                                                   \
    concern(drive)

/* ---- the storage's ---- */

int
maqet_storage_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_QUICK);

    return plugin->validate ? judge(drive, "validate", plugin->validate(drive, err), err)
                            : 0;
}

int
maqet_storage_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
                    struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_QUICK);

    *at_once = *at_most = 0;
    return judge(drive, "space", plugin->space(drive, at_once, at_most, err), err);
}

int
maqet_storage_create(const struct maqet_drive *drive, const char *path,
                     struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_LONG);

    return plugin->create ? judge(drive, "create", plugin->create(drive, path, err), err)
                          : error_unsupported(drive, "makes no images", err);
}

int
maqet_storage_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                      struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_SERVICE);

    return plugin->inspect
               ? judge(drive, "inspect", plugin->inspect(drive, fd, image, err), err)
               : 0;
}

int
maqet_storage_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
                      struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_SERVICE);

    return plugin->holders
               ? judge(drive, "holders", plugin->holders(drive, holders, err), err)
               : 0;
}

int
maqet_storage_helper(const struct maqet_drive *drive, struct maqet_command **command,
                     struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    struct maqet_error *reason = NULL;
    CALL(drive, MAQET_CALL_QUICK);

    *command = plugin->helper ? plugin->helper(drive, &reason) : NULL;
    if (!reason)
        return 0;
    if (*command)
        maqet_command_free(TAKE_PTR(*command));
    return maqet_error_move(err, reason);
}

int
maqet_storage_resize(const struct maqet_drive *drive, uint64_t bytes,
                     struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_LONG);

    return plugin->resize ? judge(drive, "resize", plugin->resize(drive, bytes, err), err)
                          : error_unsupported(drive, "cannot be resized", err);
}

int
maqet_storage_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_QUICK);

    return plugin->live_resize
               ? maqet_drive_judge_actions(
                     drive, actions, "live_resize",
                     plugin->live_resize(drive, bytes, actions, err), err)
               : error_unsupported(drive, "cannot be resized while the VM is running",
                                   err);
}

int
maqet_storage_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                        struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, MAQET_CALL_QUICK);

    return maqet_drive_judge_args(drive, plugin->name, "emit_args", args,
                                  plugin->emit_args(drive, args, err), err);
}

int
maqet_storage_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
                    struct maqet_check_report *report, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    CALL(drive, depth == MAQET_CHECK_QUICK ? MAQET_CALL_QUICK : MAQET_CALL_LONG);

    return plugin->check
               ? judge(drive, "check", plugin->check(drive, depth, report, err), err)
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "the type %s cannot be checked for damage",
                                   plugin->name);
}

/* ---- those of its snapshot table ---- */

int
maqet_storage_snapshot_create(const struct maqet_drive *drive, const char *name,
                              struct maqet_error **err)
{
    CALL(drive, MAQET_CALL_LONG);

    return judge(drive, "create", drive->storage->snapshot.create(drive, name, err), err);
}

int
maqet_storage_snapshot_load(const struct maqet_drive *drive,
                            const struct maqet_snapshot *snapshot,
                            struct maqet_error **err)
{
    CALL(drive, MAQET_CALL_LONG);

    return judge(drive, "load", drive->storage->snapshot.load(drive, snapshot, err), err);
}

int
maqet_storage_snapshot_remove(const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot,
                              struct maqet_error **err)
{
    CALL(drive, MAQET_CALL_LONG);

    return judge(drive, "remove", drive->storage->snapshot.remove(drive, snapshot, err),
                 err);
}

int
maqet_storage_snapshot_list(const struct maqet_drive *drive, int fd,
                            struct maqet_snapshots *snapshots, struct maqet_error **err)
{
    CALL(drive, MAQET_CALL_SERVICE);

    return judge(drive, "list", drive->storage->snapshot.list(drive, fd, snapshots, err),
                 err);
}

int
maqet_storage_live_create(const struct maqet_drive *drive, const char *name,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_QUICK);

    return table->live_create
               ? maqet_drive_judge_actions(drive, actions, "live_create",
                                           table->live_create(drive, name, actions, err),
                                           err)
               : error_unsupported(drive, "has no snapshots while the VM is running",
                                   err);
}

int
maqet_storage_live_remove(const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_QUICK);

    return table->live_remove
               ? maqet_drive_judge_actions(
                     drive, actions, "live_remove",
                     table->live_remove(drive, snapshot, actions, err), err)
               : error_unsupported(drive,
                                   "cannot delete snapshots while the VM is "
                                   "running",
                                   err);
}

int
maqet_storage_snapshot_rename(const struct maqet_drive *drive, int fd,
                              const struct maqet_snapshot *snapshot, const char *name,
                              struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_LONG);

    return table->rename ? judge(drive, "rename",
                                 table->rename(drive, fd, snapshot, name, err), err)
                         : error_unsupported(drive, "cannot rename snapshots", err);
}

int
maqet_storage_snapshot_repair(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_LONG);

    return table->repair ? judge(drive, "repair", table->repair(drive, err), err) : 0;
}

int
maqet_storage_snapshot_write_out(const struct maqet_drive *drive,
                                 const struct maqet_snapshot *snapshot, const char *path,
                                 const char *format, bool compress,
                                 struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_LONG);

    return judge(drive, "write_out",
                 table->write_out(drive, snapshot, path, format, compress, err), err);
}

int
maqet_storage_snapshot_write_decrypted(const struct maqet_drive *drive,
                                       const struct maqet_snapshot *snapshot,
                                       const char *path, const char *format,
                                       bool compress, struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_LONG);

    return judge(drive, "write_decrypted",
                 table->write_decrypted(drive, snapshot, path, format, compress, err),
                 err);
}

struct maqet_command *
maqet_storage_snapshot_serve(const struct maqet_drive *drive,
                             const struct maqet_snapshot *snapshot, const char *socket,
                             struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_QUICK);

    if (!table->serve) {
        error_unsupported(drive, "cannot offer a snapshot without loading it", err);
        return NULL;
    }
    struct maqet_command *command = table->serve(drive, snapshot, socket, err);
    if (judge(drive, "serve", command ? 0 : -1, err) == 0)
        return command;
    if (command)
        maqet_command_free(command);
    return NULL;
}

int
maqet_storage_snapshot_can_create(const struct maqet_drive *drive, int fd,
                                  struct maqet_error **err)
{
    const struct maqet_snapshot_table *table = &drive->storage->snapshot;
    CALL(drive, MAQET_CALL_SERVICE);

    return table->can_create
               ? judge(drive, "can_create", table->can_create(drive, fd, err), err)
               : 0;
}

/* ---- the interface's ---- */

int
maqet_iface_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_iface_plugin *plugin = drive->iface ? &drive->iface->plugin : NULL;
    CALL(drive, MAQET_CALL_QUICK);
    maqet_call_of_interface_set();

    return plugin && plugin->validate
               ? maqet_drive_judge(drive, plugin->name, "validate",
                                   plugin->validate(drive, err), err)
               : 0;
}

int
maqet_iface_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
                     struct maqet_error **err)
{
    const struct maqet_iface_plugin *plugin = &drive->iface->plugin;
    CALL(drive, MAQET_CALL_QUICK);
    maqet_call_of_interface_set();

    return maqet_drive_judge(drive, plugin->name, "capacity",
                             plugin->capacity(drive, capacity, err), err);
}

int
maqet_iface_emit_controller(const struct maqet_drive *drive, const char *id,
                            struct maqet_args *args, struct maqet_error **err)
{
    const struct maqet_iface_plugin *plugin = &drive->iface->plugin;
    CALL(drive, MAQET_CALL_QUICK);
    maqet_call_of_interface_set();

    return plugin->emit_controller
               ? maqet_drive_judge_args(drive, plugin->name, "emit_controller", args,
                                        plugin->emit_controller(drive, id, args, err),
                                        err)
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                   "the plugin '%s' has no emit_controller",
                                   plugin->name);
}

int
maqet_iface_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                        struct maqet_args *args, struct maqet_error **err)
{
    const struct maqet_iface_plugin *plugin = &drive->iface->plugin;
    CALL(drive, MAQET_CALL_QUICK);
    maqet_call_of_interface_set();

    return maqet_drive_judge_args(drive, plugin->name, "emit_device", args,
                                  plugin->emit_device(drive, slot, args, err), err);
}
