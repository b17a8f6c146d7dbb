/* SPDX-License-Identifier: MIT */
#include "core/storage/callback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mask.h"
#include "core/plugin/call.h"
#include "core/qemu/objects.h"
#include "core/storage/handle.h"

/* ---- results ---- */

/* @callback: NULL when it has returned. */
static void
announce(const struct maqet_drive *drive, const char *callback)
{
    if (drive->context->calling)
        drive->context->calling(drive->context->data, callback);
}

/* The permissions of the drive's image, if that is a file; -1: there is none, or it has
 * overlays, for which the core itself changes them. */
static int
mode_of(const struct maqet_drive *drive)
{
    struct stat status;

    return drive->path && !drive->overlays && stat(drive->path, &status) == 0 &&
                   S_ISREG(status.st_mode)
               ? (int)(status.st_mode & 07777)
               : -1;
}

/* A callback must not make the image accessible to others: it gets back the permissions
 * that it had. */
static int
check_mode(const struct maqet_drive *drive, const char *plugin, const char *callback,
           struct maqet_error **err)
{
    int before = maqet_call_current()->mode, after = before < 0 ? -1 : mode_of(drive);

    if (after < 0 || (after & ~before) == 0)
        return 0;
    _cleanup_close_ int fd = open(drive->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, (mode_t)before) < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_PERMISSION,
                                 "the plugin '%s' has changed the mode of %s from %04o "
                                 "to %04o in %s, and it cannot be changed back: %s",
                                 plugin, drive->path, (unsigned)before, (unsigned)after,
                                 callback, strerror(errno));
    maqet_warn(drive,
               "the plugin '%s' has changed the mode of %s from %04o to %04o in %s, so "
               "that others could access it; it is %04o again",
               plugin, drive->path, (unsigned)before, (unsigned)after, callback,
               (unsigned)before);
    return 0;
}

static int
judge_result(const struct maqet_drive *drive, const char *plugin, const char *callback,
             int result, struct maqet_error **err)
{
    if (err && *err)
        return -1;
    if (result == 0)
        return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                             "the plugin '%s' failed in %s without saying why", plugin,
                             callback);
}

/* Whether objects, or actions, contain a secret in plain text. */
static bool
holds_secret(const struct maqet_args *args)
{
    if (maqet_mask_is_empty())
        return false;
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (maqet_mask_finds(props->id) ||
            maqet_mask_finds(
                json_object_to_json_string_ext(props->json, JSON_C_TO_STRING_PLAIN)))
            return true;
    }
    return false;
}

static int
error_secret(const struct maqet_drive *drive, const char *plugin, const char *callback,
             struct maqet_error **err)
{
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                      "the plugin '%s' emitted a secret in %s, so that every user of the "
                      "host could read it on QEMU's command line; QEMU does not get it",
                      plugin, callback);
    maqet_error_hint(err,
                     "This is a fault of the plugin, unless the secret is a word that "
                     "is there by chance: then use a longer secret");
    return -1;
}

/* Likewise, others must not enter the drive's folder. */
static int
check_folder(const struct maqet_drive *drive, const char *plugin, const char *callback,
             struct maqet_error **err)
{
    struct stat status;

    if (!drive->folder || lstat(drive->folder, &status) < 0 || !S_ISDIR(status.st_mode) ||
        (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return 0;
    if (chmod(drive->folder, 0700) < 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_PERMISSION,
                                 "the plugin '%s' has left the folder %s accessible to "
                                 "others (mode %04o) in %s, which cannot be changed: %s",
                                 plugin, drive->folder, (unsigned)status.st_mode & 07777,
                                 callback, strerror(errno));
    maqet_warn(drive,
               "the plugin '%s' has left the folder %s accessible to others (mode %04o) "
               "in %s; it is accessible only to you again",
               plugin, drive->folder, (unsigned)status.st_mode & 07777, callback);
    return 0;
}

int
maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                  const char *callback, int result, struct maqet_error **err)
{
    announce(drive, NULL);
    if (check_mode(drive, plugin, callback, err) < 0 ||
        check_folder(drive, plugin, callback, err) < 0)
        return -1;
    if (maqet_call_is_excessive())
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "the plugin '%s' reported more than %d MiB in %s",
                                 plugin, MAQET_CALL_REPORTS_MAX >> 20, callback);
    return judge_result(drive, plugin, callback, result, err);
}

int
maqet_drive_judge_args(const struct maqet_drive *drive, const char *plugin,
                       const char *callback, const struct maqet_args *args, int result,
                       struct maqet_error **err)
{
    if (judge_result(drive, plugin, callback, result, err) < 0)
        return -1;
    if (args->fault)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "the plugin '%s' emitted something that QEMU cannot "
                                 "take: %s",
                                 plugin, args->fault);
    return holds_secret(args) ? error_secret(drive, plugin, callback, err) : 0;
}

int
maqet_drive_judge_command(const struct maqet_drive *drive, const char *callback,
                          const struct maqet_command *command, struct maqet_error **err)
{
    const char *function = command->input          ? "maqet_command_input"
                           : command->exit_status  ? "maqet_command_exit_status"
                           : command->error_output ? "maqet_command_error_output"
                                                   : NULL;

    return function
               ? maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                   "the plugin '%s' returned a command from %s with "
                                   "which it has called %s(); that is only for "
                                   "commands that it runs by itself",
                                   drive->storage->plugin.name, callback, function)
               : maqet_command_check_secrets(command, drive->storage->plugin.name, err);
}

/* The same for a callback of the storage that appends actions. */
static int
judge_actions(const struct maqet_drive *drive, const struct maqet_actions *actions,
              const char *callback, int result, struct maqet_error **err)
{
    return maqet_drive_judge_args(drive, drive->storage->plugin.name, callback,
                                  &actions->args, result, err);
}

int
maqet_drive_error_unsupported(const struct maqet_drive *drive, const char *what,
                              struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "Drive '%s' on VM '%s': the type %s %s", drive->name,
                           drive->machine->vm_name, drive->storage->plugin.name, what);
}

/* ---- during a call ---- */

/* "qemu-img create": the program, and its subcommand if it has one. The caller frees. */
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

/* Shows the progress of a program that runs for a drive: a maqet_call_report. */
static void
show_program(const void *about, const char *const *argv, double percent, int64_t elapsed)
{
    const struct maqet_drive *drive = about;
    const struct maqet_context *context = drive->context;

    if (!context->progress)
        return;
    if (!argv) {
        context->progress(context->data, NULL, -1, elapsed);
        return;
    }
    _cleanup_free_ char *who =
        maqet_format("VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    _cleanup_free_ char *words = words_of(argv);
    _cleanup_free_ char *what =
        percent < 0 ? maqet_format("%s: %s is still running", who, words) : TAKE_PTR(who);
    context->progress(context->data, what, percent, elapsed);
}

void
maqet_drive_call_concerns(const struct maqet_drive *drive, bool of_interface,
                          const char *callback)
{
    struct maqet_call *call = maqet_call_current();

    call->log = drive->log;
    call->report = show_program;
    call->about = drive;
    call->of_interface = of_interface;
    call->context = drive->context;
    call->plugin = of_interface ? drive->iface->plugin.name : drive->storage->plugin.name;
    call->callback = callback;
    call->contact = maqet_plugin_contact(of_interface ? &drive->iface->common
                                                      : &drive->storage->common);
    call->drive = drive->name;
    call->vm = drive->machine->vm_name;
    call->mode = mode_of(drive);
    call->may_use_files = !of_interface && strcmp(callback, "validate") != 0 &&
                          strcmp(callback, "emit_args") != 0;
    announce(drive, callback);
}

/* ---- what plugins have open ---- */

int
maqet_drive_open(const struct maqet_drive *drive, int64_t limit, void **handle,
                 struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    struct maqet_error *reason = NULL;

    if (!plugin->open || limit < MAQET_CALL_SERVICE || maqet_handle_find(drive, handle))
        return 0;
    MAQET_CALL(MAQET_CALL_SERVICE);
    maqet_drive_call_concerns(drive, false, "open");
    int result = plugin->open(drive, handle, &reason);
    if (maqet_drive_judge(drive, plugin->name, "open", result, &reason) < 0)
        return maqet_error_move(err, reason);
    maqet_handle_add(drive, *handle);
    return 0;
}

/* ---- callbacks with several callers ---- */

int
maqet_storage_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
                    struct maqet_error **err)
{
    *at_once = *at_most = 0;
    return MAQET_STORAGE_CALL(err, drive, MAQET_CALL_QUICK, space, at_once, at_most);
}

int
maqet_storage_create(const struct maqet_drive *drive, const char *path,
                     struct maqet_error **err)
{
    return drive->storage->plugin.create
               ? MAQET_STORAGE_CALL(err, drive, MAQET_CALL_LONG, create, path)
               : maqet_drive_error_unsupported(drive, "makes no images", err);
}

int
maqet_storage_helper(const struct maqet_drive *drive, struct maqet_command **command,
                     struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    MAQET_CALL(MAQET_CALL_QUICK);

    maqet_drive_call_concerns(drive, false, "helper");
    *command = drive->storage->plugin.helper(drive, &reason);
    announce(drive, NULL);
    check_mode(drive, drive->storage->plugin.name, "helper", &reason);
    if (!reason &&
        (!*command || maqet_drive_judge_command(drive, "helper", *command, &reason) == 0))
        return 0;
    maqet_command_free(TAKE_PTR(*command));
    return maqet_error_move(err, reason);
}

int
maqet_storage_resize(const struct maqet_drive *drive, uint64_t bytes,
                     struct maqet_error **err)
{
    return drive->storage->plugin.resize
               ? MAQET_STORAGE_CALL(err, drive, MAQET_CALL_LONG, resize, bytes)
               : maqet_drive_error_unsupported(drive, "cannot be resized", err);
}

int
maqet_storage_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    if (!drive->storage->plugin.live_resize)
        return maqet_drive_error_unsupported(
            drive, "cannot be resized while the VM is running", err);
    int result =
        MAQET_STORAGE_CALL(err, drive, MAQET_CALL_QUICK, live_resize, bytes, actions);
    return judge_actions(drive, actions, "live_resize", result, err);
}

int
maqet_storage_live_create(const struct maqet_drive *drive, const char *name,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    if (!drive->storage->snapshot.live_create)
        return maqet_drive_error_unsupported(
            drive, "has no snapshots while the VM is running", err);
    int result =
        MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_QUICK, live_create, name, actions);
    return judge_actions(drive, actions, "live_create", result, err);
}

int
maqet_storage_live_remove(const struct maqet_drive *drive,
                          const struct maqet_snapshot *snapshot,
                          struct maqet_actions *actions, struct maqet_error **err)
{
    if (!drive->storage->snapshot.live_remove)
        return maqet_drive_error_unsupported(
            drive, "cannot delete snapshots while the VM is running", err);
    int result =
        MAQET_SNAPSHOT_CALL(err, drive, MAQET_CALL_QUICK, live_remove, snapshot, actions);
    return judge_actions(drive, actions, "live_remove", result, err);
}
