/* SPDX-License-Identifier: MIT */
#include "core/conformance/made_up.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/process.h"
#include "core/base/replacement.h"
#include "core/config/options.h"

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

/* Whether the storage and the interface both have an option of that name. */
static bool
is_ambiguous(const struct bench *bench, const char *option)
{
    const char *dot = strchr(option, '.');
    _cleanup_free_ char *top =
        maqet_strndup(option, dot ? (size_t)(dot - option) : strlen(option));
    const struct maqet_iface *iface = bench->iface;

    if (!iface && bench->interface)
        iface = maqet_iface_load(&bench->context, bench->interface, NULL);
    return iface && maqet_options_find(bench->storage->common.options, top) &&
           maqet_options_find(iface->common.options, top);
}

static void
set_of(const struct bench *bench, bool of_iface, json_object *entry, const char *option,
       const char *value)
{
    _cleanup_free_ char *full =
        maqet_format("%s.%s", of_iface ? "interface_options" : "storage_options", option);

    bench_set(entry, is_ambiguous(bench, option) ? full : option, value);
}

void
made_up_set(const struct bench *bench, json_object *entry, const char *option,
            const char *value)
{
    set_of(bench, bench->is_iface, entry, option, value);
}

void
made_up_set_storage(const struct bench *bench, json_object *entry, const char *option,
                    const char *value)
{
    set_of(bench, false, entry, option, value);
}

/* The number of a drive's name among those that the check has used, from 1. */
static unsigned
number_of(struct bench *bench, const char *drive)
{
    for (size_t i = 0; i < bench->names.count; i++)
        if (strcmp(bench->names.items[i], drive) == 0)
            return (unsigned)i + 1;
    maqet_strings_add(&bench->names, drive);
    return (unsigned)bench->names.count;
}

/* ---- paths ---- */

/* What a made-up path may lead to. */
enum kind { FOLDER, TEXT, OVERLAY, DISK, NOTHING, KINDS };

void
made_up_image(const char *path, const char *format)
{
    _cleanup_free_ char *size = maqet_format("%" PRIu64, BENCH_SIZE);
    struct stat status;
    const char *const argv[] = {"qemu-img", "create", "-q", "-f", format ? format : "raw",
                                "--",       path,     size, NULL};

    if (lstat(path, &status) == 0)
        return;
    if (!format || maqet_process_run(argv, BENCH_STEP_TIMEOUT, NULL, NULL) < 0) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd >= 0 && ftruncate(fd, (off_t)BENCH_SIZE) < 0)
            unlink(path);
    }
    chmod(path, 0600);
}

static void
make_kind(const char *path, enum kind kind)
{
    struct stat status;

    if (lstat(path, &status) == 0)
        return;
    if (kind == FOLDER)
        maqet_dir_make(path, 0700, NULL);
    else if (kind == TEXT)
        maqet_file_replace(path, "maqet\n", strlen("maqet\n"), 0600, NULL);
    else if (kind == OVERLAY || kind == DISK)
        made_up_image(path, kind == OVERLAY ? MAQET_DEFAULT_STORAGE : NULL);
}

/* The path for an option: in a separate folder, because checks look for files that a
 * plugin leaves beside an image. @index: of the option, among those with made-up paths.
 * The caller frees. */
static char *
given_path(struct bench *bench, const char *drive, const char *option, unsigned index)
{
    enum kind kind = index < BENCH_PATHS ? (enum kind)bench->path_kinds[index] : FOLDER;
    _cleanup_free_ char *folder = maqet_format("%s/given", bench->folder);
    char *path = maqet_format("%s/%s-%s-%d", folder, drive, option, (int)kind);

    maqet_dir_make(folder, 0700, NULL);
    make_kind(path, kind);
    return path;
}

bool
made_up_next_paths(struct bench *bench)
{
    for (unsigned i = 0; i < bench->path_count && i < BENCH_PATHS; i++) {
        if (++bench->path_kinds[i] < KINDS)
            return true;
        bench->path_kinds[i] = 0;
    }
    return false;
}

/* ---- values ---- */

/* The number closest to @wanted that an option allows. */
static int64_t
clamp(const struct maqet_option *row, int64_t wanted)
{
    if ((row->flags & MAQET_MINIMUM) && wanted < row->minimum)
        return row->minimum;
    return (row->flags & MAQET_MAXIMUM) && wanted > row->maximum ? row->maximum : wanted;
}

/* The @number-th value of an option, so that each drive has another one as far as there are
 * enough; then the first ones come again. */
static int64_t
numbered(const struct maqet_option *row, unsigned number)
{
    int64_t first = (row->flags & MAQET_MINIMUM) ? row->minimum : clamp(row, 1);
    uint64_t others = (row->flags & MAQET_MAXIMUM)
                          ? (uint64_t)row->maximum - (uint64_t)first
                          : UINT64_MAX;

    return first + (int64_t)(others < number ? (number - 1) % (others + 1) : number - 1);
}

char *
made_up_size(const struct maqet_option *row, uint64_t bytes)
{
    /* With a unit, because maqet refuses a few bytes without one as a mistake. */
    return maqet_format("%" PRId64 "B",
                        clamp(row, (int64_t)(bytes ? bytes : BENCH_SIZE)));
}

/* A file that only the user may read. */
static char *
given_secret(const struct bench *bench, const char *drive, const char *option)
{
    _cleanup_free_ char *folder = maqet_format("%s/given", bench->folder);
    char *path = maqet_format("%s/%s-%s", folder, drive, option);

    maqet_dir_make(folder, 0700, NULL);
    maqet_file_replace(path, BENCH_SECRET, strlen(BENCH_SECRET), 0600, NULL);
    return path;
}

/* A value that a type accepts. The caller frees. */
static char *
value_of_type(struct bench *bench, const struct maqet_option *row,
              enum maqet_option_type type, const char *drive, uint64_t size)
{
    switch (type) {
    case MAQET_OPTION_SIZE:
        return made_up_size(row, size);
    case MAQET_OPTION_INT:
        return maqet_format("%" PRId64, numbered(row, number_of(bench, drive)));
    case MAQET_OPTION_BOOL:
        return maqet_strdup("off");
    case MAQET_OPTION_CHOICE:
        return maqet_strdup(row->choices[0]);
    case MAQET_OPTION_MODE:
        return maqet_strdup("0600");
    case MAQET_OPTION_PATH:
        return given_path(bench, drive, row->name, bench->path_count++);
    case MAQET_OPTION_SECRET:
        return given_secret(bench, drive, row->name);
    default:
        return maqet_format("maqet-%s", drive);
    }
}

static void make_up(struct bench *bench, const struct maqet_option *table,
                    json_object *entry, const char *drive, uint64_t size);

/* A sequence of one item. */
static void
make_up_list(struct bench *bench, const struct maqet_option *row, json_object *entry,
             const char *drive)
{
    struct maqet_place place = maqet_tree_place(entry);
    json_object *list = maqet_tree_sequence(place);
    json_object *item = NULL;

    if (row->items == MAQET_OPTION_MAP) {
        item = maqet_tree_mapping(place);
        make_up(bench, row->options, item, drive, 0);
    } else {
        _cleanup_free_ char *value = value_of_type(bench, row, row->items, drive, 0);

        item = json_object_new_string(value);
    }
    maqet_tree_append(list, item, place);
    maqet_tree_set(entry, row->name, list, place, place);
}

/* Adds a value for an option to an entry, or to a mapping in one, unless it has one. */
static void
make_up_row(struct bench *bench, const struct maqet_option *row, json_object *entry,
            const char *drive, uint64_t size)
{
    struct maqet_place place = maqet_tree_place(entry);

    if (json_object_object_get_ex(entry, row->name, NULL))
        return;
    if (row->type == MAQET_OPTION_LIST) {
        make_up_list(bench, row, entry, drive);
    } else if (row->type == MAQET_OPTION_MAP) {
        json_object *inner = maqet_tree_mapping(place);

        make_up(bench, row->options, inner, drive, size);
        maqet_tree_set(entry, row->name, inner, place, place);
    } else {
        _cleanup_free_ char *value = value_of_type(bench, row, row->type, drive, size);

        bench_set(entry, row->name, value);
    }
}

/* The same for the required options of a table. */
static void
make_up(struct bench *bench, const struct maqet_option *table, json_object *entry,
        const char *drive, uint64_t size)
{
    for (const struct maqet_option *row = table; row && row->name; row++)
        if (row->flags & MAQET_REQUIRED)
            make_up_row(bench, row, entry, drive, size);
}

/* The same for those of a plugin, in their full form where that is needed. */
static void
make_up_for(struct bench *bench, const struct maqet_option *table, const char *form,
            json_object *entry, const char *drive, uint64_t size)
{
    struct maqet_place place = maqet_tree_place(entry);

    for (const struct maqet_option *row = table; row && row->name; row++) {
        json_object *inner = entry;

        if (!(row->flags & MAQET_REQUIRED))
            continue;
        if (is_ambiguous(bench, row->name) &&
            !json_object_object_get_ex(entry, form, &inner)) {
            inner = maqet_tree_mapping(place);
            maqet_tree_set(entry, form, inner, place, place);
        }
        make_up_row(bench, row, inner, drive, size);
    }
}

/* ---- what the author sets ---- */

static void
append_until(struct maqet_text *text, const char *from, const char *end)
{
    maqet_text_append_bytes(text, from, (size_t)(end - from));
}

/* The text with the drive's name and number in their places; the caller frees. */
static char *
fill_in(struct bench *bench, const char *text, const char *drive)
{
    static const char name[] = "{drive}", number[] = "{number}";
    struct maqet_text filled = MAQET_TEXT_INIT;

    for (const char *brace; (brace = strchr(text, '{'));) {
        append_until(&filled, text, brace);
        if (maqet_text_starts(brace, name)) {
            maqet_text_append(&filled, drive);
            text = brace + strlen(name);
        } else if (maqet_text_starts(brace, number)) {
            maqet_text_appendf(&filled, "%u", number_of(bench, drive));
            text = brace + strlen(number);
        } else {
            maqet_text_append(&filled, "{");
            text = brace + 1;
        }
    }
    maqet_text_append(&filled, text);
    return maqet_text_take(&filled);
}

/* A copy of a value for a drive. */
static json_object *
setting_for(struct bench *bench, json_object *value, const char *drive)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object *copy = maqet_tree_mapping(maqet_tree_place(value));

        json_object_object_foreach(value, key, inner)
        {
            maqet_tree_set(copy, key, setting_for(bench, inner, drive),
                           maqet_tree_place_of_key(value, key),
                           maqet_tree_place_of_value(value, key));
        }
        return copy;
    }
    _cleanup_free_ char *text = fill_in(bench, json_object_get_string(value), drive);
    return json_object_new_string(text);
}

static void
take_settings(struct bench *bench, json_object *entry, const char *drive)
{
    json_object_object_foreach(bench->settings, key, value)
    {
        maqet_tree_set(entry, key, setting_for(bench, value, drive),
                       maqet_tree_place_of_key(bench->settings, key),
                       maqet_tree_place_of_value(bench->settings, key));
    }
}

/* ---- the entry ---- */

bool
made_up_is_authors(const struct bench *bench)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;

    return plugin->path_option && plugin->creation == MAQET_CREATION_NEVER &&
           json_object_object_get_ex(bench->settings, plugin->path_option, NULL);
}

/* The path of the image, and its size. Where the plugin creates none, one is made. */
static void
set_image(struct bench *bench, json_object *entry, const char *name, uint64_t size)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;

    if (plugin->path_option && !made_up_is_authors(bench)) {
        _cleanup_free_ char *image = maqet_format("%s/disk.%s", bench->folder, name);

        made_up_set_storage(bench, entry, plugin->path_option, image);
        if (plugin->creation == MAQET_CREATION_NEVER)
            made_up_image(image, plugin->format);
    }
    if (!plugin->size_option ||
        (size == 0 && json_object_object_get_ex(entry, plugin->size_option, NULL)))
        return;
    _cleanup_free_ char *text = made_up_size(
        maqet_options_find(bench->storage->common.options, plugin->size_option), size);
    made_up_set_storage(bench, entry, plugin->size_option, text);
}

json_object *
bench_entry(struct bench *bench, const char *name, uint64_t size)
{
    struct maqet_place place = {.folder = bench->folder};
    json_object *entry = maqet_tree_mapping(place);

    bench->path_count = 0;
    number_of(bench, name);
    take_settings(bench, entry, name);
    bench_set(entry, "name", name);
    bench_set(entry, "type", bench->storage->plugin.name);
    if (bench->interface)
        bench_set(entry, "interface", bench->interface);
    if (!(bench->storage->plugin.media & MAQET_MEDIA_DISK))
        bench_set(entry, "media", "cdrom");
    set_image(bench, entry, name, size);
    make_up_for(bench, bench->storage->common.options, "storage_options", entry, name,
                size);
    if (bench->iface)
        make_up_for(bench, bench->iface->common.options, "interface_options", entry, name,
                    size);
    return entry;
}
