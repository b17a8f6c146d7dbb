/* SPDX-License-Identifier: MIT */
#include "core/conformance/bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/process.h"
#include "core/config/options.h"
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
    return 0;
}

bool
bench_has_size(const struct bench *bench)
{
    const struct maqet_option *row =
        maqet_options_find(bench->storage->common.options, "size");

    return row && row->type == MAQET_OPTION_SIZE;
}

static bool
is_installed(const char *program)
{
    _cleanup_free_ char *path = maqet_process_find(program);

    return path;
}

char *
bench_lack(const struct bench *bench, unsigned needs)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;
    const struct maqet_snapshot_table *snapshot = &bench->storage->snapshot;
    const struct {
        unsigned need;
        bool there;
        const char *lack;
    } all[] = {
        {NEEDS_PATH, plugin->path_option, "it creates no image files (no .path_option)"},
        {NEEDS_INSPECT, plugin->inspect, "it has no inspect"},
        {NEEDS_CHECK, plugin->check, "it has no check"},
        {NEEDS_SNAPSHOTS, snapshot->size > 0, "it has no snapshots"},
        {NEEDS_LIVE_CREATE, snapshot->live_create, "it has no snapshots while QEMU runs"},
        {NEEDS_SERVE, snapshot->serve, "it cannot serve snapshots to readers"},
        {NEEDS_RESIZE, plugin->resize, "its drives cannot be resized"},
        {NEEDS_LIVE_RESIZE, plugin->live_resize,
         "its drives cannot be resized while QEMU runs"},
        {NEEDS_SIZE, bench_has_size(bench), "its drives have no option 'size'"},
        {NEEDS_QEMU_IMG, is_installed("qemu-img"), "there is no qemu-img"},
        {NEEDS_QEMU_IO, is_installed("qemu-io"), "there is no qemu-io"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (needs & all[i].need && !all[i].there)
            return maqet_strdup(all[i].lack);
    return needs & NEEDS_QEMU && !is_installed(bench->qemu)
               ? maqet_format("QEMU's program %s is not there; another one can be named",
                              bench->qemu)
               : NULL;
}

/* ---- entries ---- */

void
bench_set(json_object *entry, const char *option, const char *value)
{
    const char *dot = strchr(option, '.');
    struct maqet_place place = maqet_tree_place(entry);
    json_object *inner = NULL;

    if (!value && !dot) {
        json_object_object_del(entry, option);
    } else if (!dot) {
        maqet_tree_set(entry, option, json_object_new_string(value), place, place);
    } else {
        _cleanup_free_ char *outer = maqet_strndup(option, (size_t)(dot - option));

        if (!json_object_object_get_ex(entry, outer, &inner)) {
            inner = maqet_tree_mapping(place);
            maqet_tree_set(entry, outer, inner, place, place);
        }
        bench_set(inner, dot + 1, value);
    }
}

/* The number closest to @wanted that an option allows. */
static int64_t
clamp(const struct maqet_option *row, int64_t wanted)
{
    if ((row->flags & MAQET_MINIMUM) && wanted < row->minimum)
        return row->minimum;
    return (row->flags & MAQET_MAXIMUM) && wanted > row->maximum ? row->maximum : wanted;
}

/* The path of a folder, or a file, that is created for an option: in a separate folder,
 * because checks look for files that a plugin leaves beside an image. The caller frees. */
static char *
given_path(const struct bench *bench, const char *drive, const char *option)
{
    _cleanup_free_ char *folder = maqet_format("%s/given", bench->folder);
    char *path = maqet_format("%s/%s-%s", folder, drive, option);

    maqet_dir_make(folder, 0700, NULL);
    if (bench->wants_files) {
        rmdir(path);
        bench_write(path, "maqet\n", strlen("maqet\n"), NULL);
    } else {
        maqet_dir_make(path, 0700, NULL);
    }
    return path;
}

/* A value that the type of an option accepts. The caller frees. */
static char *
value_for(const struct bench *bench, const struct maqet_option *row, const char *drive,
          uint64_t size)
{
    switch (row->type) {
    case MAQET_OPTION_SIZE:
        /* With a unit, because maqet refuses a few bytes without one as a mistake. */
        return maqet_format("%" PRId64 "B",
                            clamp(row, (int64_t)(size ? size : BENCH_SIZE)));
    case MAQET_OPTION_INT:
        return maqet_format("%" PRId64, clamp(row, 1));
    case MAQET_OPTION_BOOL:
        return maqet_strdup("off");
    case MAQET_OPTION_CHOICE:
        return maqet_strdup(row->choices[0]);
    case MAQET_OPTION_MODE:
        return maqet_strdup("0600");
    case MAQET_OPTION_PATH:
        return given_path(bench, drive, row->name);
    default:
        return maqet_strdup("maqet");
    }
}

/* Makes up values for the required options, and for the size. */
static void
make_up(const struct bench *bench, const struct maqet_option *table, const char *before,
        json_object *entry, const char *drive, uint64_t size)
{
    const char *path_option = bench->storage->plugin.path_option;

    for (const struct maqet_option *row = table; row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", before, row->name);
        bool is_size = row->type == MAQET_OPTION_SIZE && strcmp(name, "size") == 0;
        bool is_image = path_option && strcmp(name, path_option) == 0;

        if (is_image || (!(row->flags & MAQET_REQUIRED) && !is_size))
            continue;
        if (row->type == MAQET_OPTION_MAP && row->options) {
            _cleanup_free_ char *inner = maqet_format("%s.", name);

            make_up(bench, row->options, inner, entry, drive, size);
            continue;
        }
        _cleanup_free_ char *value = value_for(bench, row, drive, size);
        bench_set(entry, name, value);
    }
}

/* Adds the options that the author sets for every drive. */
static void
take_settings(json_object *entry, json_object *settings)
{
    json_object_object_foreach(settings, key, value)
    {
        maqet_tree_set(entry, key,
                       json_object_is_type(value, json_type_object)
                           ? maqet_tree_copy(value)
                           : json_object_get(value),
                       maqet_tree_place_of_key(settings, key),
                       maqet_tree_place_of_value(settings, key));
    }
}

json_object *
bench_entry(const struct bench *bench, const char *name, uint64_t size)
{
    struct maqet_place place = {.folder = bench->folder};
    json_object *entry = maqet_tree_mapping(place);
    const char *path_option = bench->storage->plugin.path_option;

    bench_set(entry, "name", name);
    bench_set(entry, "type", bench->storage->plugin.name);
    if (bench->interface)
        bench_set(entry, "interface", bench->interface);
    make_up(bench, bench->storage->common.options, "", entry, name, size);
    if (bench->iface)
        make_up(bench, bench->iface->common.options, "", entry, name, size);
    take_settings(entry, bench->settings);
    if (size && bench_has_size(bench)) {
        _cleanup_free_ char *text =
            value_for(bench, maqet_options_find(bench->storage->common.options, "size"),
                      name, size);
        bench_set(entry, "size", text);
    }
    if (path_option) {
        _cleanup_free_ char *image = maqet_format("%s/disk.%s", bench->folder, name);

        bench_set(entry, path_option, image);
    }
    return entry;
}

/* ---- drives ---- */

struct maqet_drive *
bench_drive_of(struct bench *bench, json_object *entry, struct maqet_error **err)
{
    return maqet_drive_new(&bench->context, &bench->machine, entry, err);
}

static struct maqet_drive *
try_drive(struct bench *bench, const char *name, uint64_t size, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, name, size);

    return bench_drive_of(bench, entry, err);
}

struct maqet_drive *
bench_drive(struct bench *bench, const char *name, uint64_t size,
            struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_drive *drive = try_drive(bench, name, size, &reason);

    if (!drive && !bench->wants_files) {
        bench->wants_files = true;
        drive = try_drive(bench, name, size, NULL);
        bench->wants_files = drive;
    }
    if (!drive)
        maqet_error_move(err, TAKE_PTR(reason));
    return drive;
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
    uint64_t wanted = maqet_drive_size(drive, "size");
    struct maqet_image_state state;

    if (maqet_image_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "Inspecting %s", what);
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
