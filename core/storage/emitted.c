/* SPDX-License-Identifier: MIT */
#include "core/storage/emitted.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/json.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/overlay_view.h"

/* One verification. */
struct emission {
    const struct maqet_drive *drive;
    const struct maqet_args *args;
    size_t first;
    const struct maqet_strings *more;
    const struct maqet_props *object; /* that is being verified */
    struct maqet_error **err;
};

/* The error for the object that is being verified; @format is what is wrong with it. */
static int MAQET_PRINTF(2, 3)
    error_emitted(const struct emission *emission, const char *format, ...)
{
    const struct maqet_drive *drive = emission->drive;
    const struct maqet_props *object = emission->object;
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *what = maqet_vformat(format, arguments);
    va_end(arguments);
    return maqet_drive_error(
        drive, NULL, emission->err, MAQET_ERROR_FAILED,
        "the plugin '%s' emitted %s '%s', which %s", drive->storage->plugin.name,
        object->kind == &maqet_kind_blockdev ? "the node" : object->option, object->id,
        what);
}

/* ---- files that may be named ---- */

/* Whether a path leads into a folder, through all links and "..". What is not there yet
 * must be directly in a folder that is. */
static bool
is_inside(const char *path, const char *folder)
{
    _cleanup_free_ char *real_folder = realpath(folder, NULL);
    _cleanup_free_ char *real = realpath(path, NULL);
    struct stat status;

    if (!real && *path == '/' && lstat(path, &status) < 0) {
        _cleanup_free_ char *above = maqet_path_folder(path);
        _cleanup_free_ char *real_above = realpath(above, NULL);
        const char *name = strrchr(path, '/') + 1;

        if (real_above && *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            real = maqet_format("%s/%s", real_above, name);
    }
    if (!real || !real_folder || stat(real_folder, &status) < 0 ||
        !S_ISDIR(status.st_mode))
        return false;
    size_t length = strlen(real_folder);
    return length == 1 || (strncmp(real, real_folder, length) == 0 &&
                           (real[length] == '/' || real[length] == '\0'));
}

/* The same for a folder that does not exist, so that nothing in it can be a link. */
static bool
is_named_inside(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    _cleanup_free_ char *end = maqet_format("%s/", path);

    return strncmp(path, folder, length) == 0 &&
           (path[length] == '/' || path[length] == '\0') && !strstr(end, "/../");
}

/* Whether a file is @known, or in the folder @known. */
static bool
leads_to(const char *file, const char *known)
{
    return known && (strcmp(file, known) == 0 || maqet_file_is_same(file, known) ||
                     is_inside(file, known) ||
                     (access(known, F_OK) < 0 && is_named_inside(file, known)));
}

static bool
is_among(const char *file, const struct maqet_strings *files)
{
    for (size_t i = 0; files && i < files->count; i++)
        if (strcmp(file, files->items[i]) == 0 ||
            maqet_file_is_same(file, files->items[i]))
            return true;
    return false;
}

static bool
is_option_of(const struct maqet_values *values, const char *file)
{
    for (size_t i = 0; i < values->count; i++) {
        const struct maqet_value *value = &values->items[i];

        if ((value->row->type == MAQET_OPTION_PATH ||
             value->row->type == MAQET_OPTION_SECRET) &&
            leads_to(file, value->text))
            return true;
    }
    return false;
}

/* Whether the configuration, or the core itself, names a file. */
static bool
is_configured(const struct maqet_drive *drive, const char *file)
{
    return leads_to(file, drive->path) || strcmp(file, drive->socket) == 0 ||
           leads_to(file, drive->folder) ||
           is_option_of(&drive->options[MAQET_OF_STORAGE].values, file) ||
           is_option_of(&drive->options[MAQET_OF_INTERFACE].values, file);
}

/* Whether inspect has reported a file. It is asked only if nobody has asked it yet; in an
 * image that does not exist yet, it cannot look. *unknown: so it cannot be told. */
static int
find_reported(const struct emission *emission, const char *file, bool *found,
              bool *unknown)
{
    const struct maqet_drive *drive = emission->drive;
    struct maqet_image_state state = {.exists = true};

    *unknown = false;
    *found = is_among(file, &drive->reported->files);
    if (*found || drive->reported->asked || !drive->storage->plugin.inspect)
        return 0;
    if (maqet_drive_inspect(drive, &state, emission->err) < 0)
        return -1;
    *unknown = !state.exists;
    *found = is_among(file, &drive->reported->files);
    return 0;
}

static int
check_file(const struct emission *emission, const char *file)
{
    bool found, unknown;

    if (is_configured(emission->drive, file) || is_among(file, emission->more))
        return 0;
    if (find_reported(emission, file, &found, &unknown) < 0)
        return -1;
    if (found || unknown)
        return 0;
    _cleanup_free_ char *real = realpath(file, NULL);
    bool link = real && strcmp(real, file) != 0;
    return error_emitted(
        emission,
        "names the file %s%s%s; no option of the drive names it, or a folder that it is "
        "in, and the plugin's inspect has not reported it",
        file, link ? ", which leads to " : "", link ? real : "");
}

/* ---- nodes ---- */

/* What the plugin has emitted. */
static struct maqet_args
own_args(const struct emission *emission)
{
    return (struct maqet_args){.objects = emission->args->objects + emission->first,
                               .count = emission->args->count - emission->first};
}

/* Whether the core has put the drive over a node of that name. */
static bool
is_backing_node(const struct maqet_drive *drive, const char *name)
{
    return drive->backing.node && strcmp(drive->backing.node, name) == 0;
}

/* Closes a node's backing chain, and checks what the node itself says. */
static int
verify_node(void *data, json_object *node)
{
    const struct emission *emission = data;
    const struct maqet_args own = own_args(emission);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    json_object *readonly;

    if (!maqet_json_text(node, "driver"))
        return error_emitted(emission, "has no driver, or contains a node without one: "
                                       "QEMU would guess the format from the content");
    if (maqet_block_node_may_back(node) &&
        !json_object_object_get_ex(node, "backing", NULL))
        json_object_object_add(node, "backing", NULL);
    if (maqet_drive_readonly(emission->drive) &&
        json_object_object_get_ex(node, "read-only", &readonly) &&
        !(json_object_is_type(readonly, json_type_boolean) &&
          json_object_get_boolean(readonly)))
        return error_emitted(emission, "contains a node that may be written to, but the "
                                       "drive is read-only");
    maqet_block_node_references(node, &names);
    for (size_t i = 0; i < names.count; i++)
        if (!maqet_block_node_is_named(&own, names.items[i]) &&
            !is_backing_node(emission->drive, names.items[i]))
            return error_emitted(emission,
                                 "refers to the node '%s', which it did not emit",
                                 names.items[i]);
    maqet_block_node_files(node, &files);
    for (size_t i = 0; i < files.count; i++)
        if (check_file(emission, files.items[i]) < 0)
            return -1;
    return 0;
}

/* A search for a node from which references lead back to it. */
struct search {
    const struct emission *emission;
    struct maqet_strings seen; /* the names of nodes that were visited */
};

static int
follow(void *data, json_object *node)
{
    struct search *search = data;
    const struct maqet_args own = own_args(search->emission);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_block_node_references(node, &names);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];

        if (strcmp(name, search->emission->object->id) == 0)
            return -1;
        if (maqet_strings_has(&search->seen, name))
            continue;
        maqet_strings_add(&search->seen, name);
        json_object *other = maqet_block_node_find(&own, name);
        if (other && maqet_block_node_walk(other, follow, data) < 0)
            return -1;
    }
    return 0;
}

static int
check_circle(struct emission *emission)
{
    struct search search = {.emission = emission};
    int result = maqet_block_node_walk(emission->object->json, follow, &search);

    maqet_strings_clear(&search.seen);
    return result < 0 ? error_emitted(emission, "refers to itself") : 0;
}

/* A node of its own does not become read-only by what refers to it. */
static int
check_readonly(const struct emission *emission)
{
    const struct maqet_props *object = emission->object;
    bool node = object->kind == &maqet_kind_blockdev;
    bool share = strcmp(object->option, "-fsdev") == 0;
    json_object *value =
        json_object_object_get(object->json, node ? "read-only" : "readonly");
    bool on = false;

    if (!maqet_drive_readonly(emission->drive) || !(node || share))
        return 0;
    if (!value || !maqet_parse_bool(json_object_get_string(value), &on) || !on)
        return error_emitted(emission, "is not read-only, but the drive is");
    return 0;
}

/* ---- all of it ---- */

int
maqet_emitted_verify(const struct maqet_drive *drive, struct maqet_args *args,
                     size_t first, const struct maqet_strings *more,
                     struct maqet_error **err)
{
    struct emission emission = {
        .drive = drive, .args = args, .first = first, .more = more, .err = err};

    for (size_t i = first; i < args->count; i++) {
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        emission.object = args->objects[i];
        if (check_readonly(&emission) < 0)
            return -1;
        if (emission.object->kind == &maqet_kind_blockdev) {
            if (maqet_block_node_walk(emission.object->json, verify_node, &emission) < 0)
                return -1;
            continue;
        }
        maqet_object_files(emission.object, &files);
        for (size_t j = 0; j < files.count; j++)
            if (check_file(&emission, files.items[j]) < 0)
                return -1;
    }
    /* Now all nodes are there that are referred to. */
    for (size_t i = first; i < args->count; i++) {
        emission.object = args->objects[i];
        if (emission.object->kind == &maqet_kind_blockdev && check_circle(&emission) < 0)
            return -1;
    }
    return 0;
}

/* Whether the node is there that an interface attaches. */
static int
check_top(const struct maqet_drive *drive, const struct maqet_args *args, size_t first,
          struct maqet_error **err)
{
    const char *name = maqet_drive_node(drive);

    for (size_t i = first; i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev &&
            strcmp(args->objects[i]->id, name) == 0)
            return 0;
    return !drive->storage->plugin.interface ? 0
                                             : maqet_drive_error(
                                                   drive, NULL, err, MAQET_ERROR_FAILED,
                                                   "the plugin '%s' emitted no node '%s'",
                                                   drive->storage->plugin.name, name);
}

static int
emit(const struct maqet_drive *drive, struct maqet_args *args, struct maqet_error **err)
{
    size_t first = args->count;

    int result = MAQET_STORAGE_CALL(err, drive, MAQET_CALL_QUICK, emit_args, args);

    if (maqet_drive_judge_args(drive, drive->storage->plugin.name, "emit_args", args,
                               result, err) < 0 ||
        check_top(drive, args, first, err) < 0 ||
        maqet_emitted_verify(drive, args, first, NULL, err) < 0)
        return -1;
    for (size_t i = first; i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev)
            maqet_block_node_keep_cached(args->objects[i]->json);
    return 0;
}

static int
emit_node(const struct maqet_drive *drive, uint64_t id, bool written,
          struct maqet_args *args, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    if (id != 0 && emit_node(drive, maqet_overlays_node(drive->overlays, id)->parent,
                             false, args, err) < 0)
        return -1;
    if (maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    view.drive->readonly = view.drive->readonly && !written;
    return emit(view.drive, args, err);
}

int
maqet_storage_emit_node(const struct maqet_drive *drive, uint64_t id,
                        struct maqet_args *args, struct maqet_error **err)
{
    return emit_node(drive, id, false, args, err);
}

int
maqet_storage_emit_overlay(const struct maqet_drive *overlay, struct maqet_args *args,
                           struct maqet_error **err)
{
    const struct maqet_drive *drive = overlay->overlay_for;
    uint64_t below = maqet_overlays_node(drive->overlays, overlay->overlay_id)->parent;

    return emit_node(drive, below, overlay->backing.written, args, err) < 0
               ? -1
               : emit(overlay, args, err);
}

int
maqet_storage_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                        struct maqet_error **err)
{
    if (maqet_drive_empty(drive))
        return 0;
    return drive->overlays
               ? maqet_storage_emit_node(drive, drive->overlays->top, args, err)
               : emit(drive, args, err);
}
