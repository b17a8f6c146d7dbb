/* SPDX-License-Identifier: MIT */
#include "core/conformance/bench.h"
#include "core/base/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/process.h"
#include "core/config/options.h"
#include "core/conformance/made_up.h"
#include "core/qemu/objects.h"
#include "core/storage/callback.h"
#include "core/storage/creation.h"
#include "core/storage/slots.h"

/* ---- messages ---- */

int
bench_skip(struct bench *bench, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    free(bench->skipped);
    bench->skipped = maqet_vformat(format, arguments);
    va_end(arguments);
    return 0;
}

void
bench_doing(struct bench *bench, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(bench->trail->doing, sizeof(bench->trail->doing), format, arguments);
    va_end(arguments);
}

int
bench_fail(struct maqet_error **err, const char *hint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, MAQET_ERROR_FAILED, format, arguments);
    va_end(arguments);
    if (hint)
        maqet_error_hint(err, "%s", hint);
    return -1;
}

/* ---- the plugin ---- */

/* The interface of the drives: the author's choice, or the storage's default if that is
 * installed. */
static const char *
interface_of(const struct bench *bench)
{
    const char *name = bench->storage->plugin.interface;
    const char *written = maqet_tree_text(bench->settings, "interface");

    if (bench->is_iface)
        return bench->name;
    if (!name || written)
        return written;
    const struct maqet_iface *iface = maqet_iface_load(&bench->context, name, NULL);
    return iface ? name : "none";
}

int
bench_load(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_plugin *plugin =
        maqet_plugin_load_file(bench->file, &bench->is_iface, err);

    if (bench->is_iface)
        bench->iface = (const struct maqet_iface *)plugin;
    else
        bench->storage = (const struct maqet_storage *)plugin;
    return plugin ? 0 : -1;
}

/* Whether a drive with the current kinds of made-up paths can be used: 2; or is at least
 * accepted: 1. */
static int
try_paths(struct bench *bench)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *folder = maqet_format("%s.trial", bench->folder);
    char *own = bench->folder;
    int result = 0;

    maqet_dir_make(folder, 0700, NULL);
    bench->folder = folder;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", 0, NULL);
    if (drive)
        result = bench_prepare(drive, NULL) == 0 &&
                         maqet_drives_emit((struct maqet_drive *[]){drive}, 1, NULL, args,
                                           NULL, NULL) == 0
                     ? 2
                     : 1;
    bench->folder = own;
    maqet_dir_remove(folder, NULL);
    return result;
}

/* Finds out what the plugin's required paths must lead to. */
static void
choose_paths(struct bench *bench)
{
    enum { TRIALS_MAX = 125 };
    unsigned char accepted[BENCH_PATHS] = {0};
    bool any = false;

    json_object_put(bench_entry(bench, "disk", 0));
    if (bench->path_count == 0)
        return;
    for (int i = 0; i < TRIALS_MAX; i++) {
        int result = try_paths(bench);

        if (result == 2)
            return;
        if (result == 1 && !any)
            memcpy(accepted, bench->path_kinds, sizeof(accepted));
        any = any || result == 1;
        if (!made_up_next_paths(bench))
            break;
    }
    memcpy(bench->path_kinds, accepted, sizeof(accepted));
}

int
bench_open(struct bench *bench, struct maqet_error **err)
{
    if (bench_load(bench, err) < 0)
        return -1;
    if (bench->is_iface)
        bench->storage = maqet_storage_load(&bench->context, MAQET_DEFAULT_STORAGE, err);
    if (!bench->storage)
        return -1;
    bench->interface = interface_of(bench);
    bench->options =
        bench->is_iface ? bench->iface->common.options : bench->storage->common.options;
    bench->validate =
        bench->is_iface ? bench->iface->plugin.validate : bench->storage->plugin.validate;
    choose_paths(bench);
    return 0;
}

bool
bench_has_size(const struct bench *bench)
{
    return bench->storage->plugin.size_option;
}

static bool
is_installed(const char *program)
{
    _cleanup_free_ char *path = maqet_process_find(program);

    return path;
}

/* Why there is no image that the drives could have, if the plugin creates none. The caller
 * frees; NULL: there is one. */
static char *
lack_of_image(struct bench *bench)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_image_state state;

    if (plugin->creation != MAQET_CREATION_NEVER)
        return NULL;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", 0, &reason);
    if (drive && maqet_drive_inspect(drive, &state, &reason) == 0)
        return NULL;
    const char *option = plugin->path_option ? plugin->path_option : "OPTION";
    return maqet_format("it creates nothing, and there is nothing to try it with (--set "
                        "%s=VALUE names something): %s",
                        option, reason->message);
}

/* Whether a program runs beside QEMU for the drives that are made up. */
static bool
has_helper(struct bench *bench)
{
    struct maqet_command *command = NULL;

    if (!bench->storage->plugin.helper)
        return false;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", 0, NULL);
    if (drive)
        maqet_storage_helper(drive, &command, NULL);
    bool any = command || !drive;
    maqet_command_free(command);
    return any;
}

char *
bench_lack(struct bench *bench, unsigned needs)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;
    const struct maqet_snapshot_table *snapshot = &bench->storage->snapshot;
    bool creates = plugin->path_option && plugin->creation == MAQET_CREATION_ONCE;
    const struct {
        unsigned need;
        bool there;
        const char *lack;
    } all[] = {
        {NEEDS_PATH, plugin->path_option, "its drives are no files (no .path_option)"},
        {NEEDS_OVERLAYS & ~(NEEDS_CREATE | NEEDS_SIZE), bench->storage->overlay.create,
         "it does not serve as an overlay"},
        {NEEDS_CREATE, creates, "it creates no image files"},
        {NEEDS_INSPECT, plugin->inspect, "it has no inspect"},
        {NEEDS_CHECK, plugin->check, "it has no check"},
        {NEEDS_SNAPSHOTS, snapshot->size > 0, "it has no snapshots"},
        {NEEDS_LIVE_CREATE, snapshot->live_create, "it has no snapshots while QEMU runs"},
        {NEEDS_SERVE, snapshot->serve, "it cannot serve snapshots to readers"},
        {NEEDS_RESIZE, plugin->resize, "its drives cannot be resized"},
        {NEEDS_LIVE_RESIZE, plugin->live_resize,
         "its drives cannot be resized while QEMU runs"},
        {NEEDS_SIZE, bench_has_size(bench), "its drives have no .size_option"},
        {NEEDS_READONLY, plugin->readonly_option, "it has no .readonly_option"},
        {NEEDS_REMOVE, plugin->remove, "it has no remove"},
        {NEEDS_ENDED, plugin->ended, "it has no ended"},
        {NEEDS_QEMU_IMG, is_installed("qemu-img"), "there is no qemu-img"},
        {NEEDS_QEMU_IO, is_installed("qemu-io"), "there is no qemu-io"},
        {NEEDS_QEMU_IO, !has_helper(bench),
         "qemu-io does not have the program that runs beside QEMU"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if ((needs & all[i].need) == all[i].need && !all[i].there)
            return maqet_strdup(all[i].lack);
    if (needs & NEEDS_QEMU_IO && plugin->helper && plugin->path_option)
        return maqet_strdup(
            "its image is opened by a helper, which runs only beside QEMU");
    if (needs & NEEDS_QEMU && !is_installed(bench->qemu))
        return maqet_format("QEMU's program %s is not there; another one can be named",
                            bench->qemu);
    return needs & NEEDS_THERE ? lack_of_image(bench) : NULL;
}

/* ---- drives ---- */

struct maqet_drive *
bench_drive_of(struct bench *bench, json_object *entry, struct maqet_error **err)
{
    return maqet_drive_new(&bench->context, &bench->machine, entry, err);
}

struct maqet_drive *
bench_drive(struct bench *bench, const char *name, uint64_t size,
            struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, name, size);

    return bench_drive_of(bench, entry, err);
}

int
bench_prepare(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;
    bool created;

    return maqet_image_prepare(drive, &state, &created, NULL, err);
}

int
bench_check_size(const struct bench *bench, const struct maqet_drive *drive,
                 const char *what, const char *hint, struct maqet_error **err)
{
    struct maqet_image_state state;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "Inspecting %s", what);
    uint64_t wanted = drive->size;
    if (!bench_has_size(bench) || state.virtual_size == 0 ||
        state.virtual_size / 512 == (wanted + 511) / 512)
        return 0;
    return bench_fail(err, hint, "%s has the size %" PRIu64 " instead of %" PRIu64, what,
                      state.virtual_size, wanted);
}

/* ---- files ---- */

char *
bench_path(const struct bench *bench, const char *name)
{
    return maqet_format("%s/%s", bench->folder, name);
}

int
bench_write(const char *path, const void *data, size_t length, struct maqet_error **err)
{
    _cleanup_close_ int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 && maqet_fd_write(fd, data, length) == 0
               ? 0
               : maqet_error_errno(err, errno, "Cannot write %s", path);
}

static void
describe_file(struct maqet_text *text, const char *path, const char *name)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        return;
    maqet_text_appendf(text, "%s %o %" PRIu64 " %" PRIu64, name, status.st_mode,
                       (uint64_t)status.st_ino, (uint64_t)status.st_uid);
    /* The times of a folder change even if a file is created in it and deleted again. */
    if (!S_ISDIR(status.st_mode))
        maqet_text_appendf(text, " %" PRIu64 " %lld.%09ld", (uint64_t)status.st_size,
                           (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    maqet_text_append(text, "\n");
    if (S_ISDIR(status.st_mode)) {
        _cleanup_free_ char *inside = bench_picture(path);
        maqet_text_append(text, inside);
    }
}

char *
bench_picture(const char *folder)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);

        describe_file(&text, path, names.items[i]);
    }
    return maqet_text_take(&text);
}

int
bench_check_unchanged(const struct bench *bench, const char *before, const char *who,
                      struct maqet_error **err)
{
    _cleanup_free_ char *after = bench_picture(bench->folder);

    return strcmp(before, after) == 0
               ? 0
               : bench_fail(err, "Only look: create is for making things",
                            "%s changes files in the image's folder", who);
}
