/* SPDX-License-Identifier: MIT */
#include "core/storage/overlays.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/base/replacement.h"
#include "core/qemu/objects.h"
#include "core/storage/overlay_files.h"
#include "core/storage/overlay_tree.h"

enum { FORMAT = 1 };

static const struct maqet_fields node_fields = MAQET_FIELDS_OF(
    struct maqet_overlay, {"id", MAQET_FIELD(struct maqet_overlay, id)},
    {"parent", MAQET_FIELD(struct maqet_overlay, parent)},
    {"type", MAQET_FIELD(struct maqet_overlay, type), .optional = true, .sparse = true},
    {"size", MAQET_FIELD(struct maqet_overlay, size)},
    {"file", MAQET_FIELD(struct maqet_overlay, file.file), .optional = true,
     .sparse = true},
    {"device", MAQET_FIELD(struct maqet_overlay, file.id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_overlay, file.id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_overlay, file.id.birth), .optional = true},
    {"bytes", MAQET_FIELD(struct maqet_overlay, file.size), .optional = true},
    {"mtime", MAQET_FIELD(struct maqet_overlay, file.mtime), .optional = true},
    {"checksum", MAQET_FIELD(struct maqet_overlay, file.checksum), .optional = true,
     .sparse = true},
    {"mode", MAQET_FIELD(struct maqet_overlay, mode), .optional = true},
    {"place", MAQET_FIELD(struct maqet_overlay, place), .optional = true, .sparse = true},
    {"stored_name", MAQET_FIELD(struct maqet_overlay, stored_name), .optional = true,
     .sparse = true},
    {"stored_format", MAQET_FIELD(struct maqet_overlay, stored_format), .optional = true,
     .sparse = true},
    {"former_name", MAQET_FIELD(struct maqet_overlay, former_name), .optional = true,
     .sparse = true},
    {"snapshot", MAQET_FIELD(struct maqet_overlay, name), .optional = true,
     .sparse = true},
    {"snapshot_id", MAQET_FIELD(struct maqet_overlay, snapshot_id), .optional = true},
    {"seconds", MAQET_FIELD(struct maqet_overlay, seconds), .optional = true},
    {"nanoseconds", MAQET_FIELD(struct maqet_overlay, nanoseconds), .optional = true},
    {"vm_clock", MAQET_FIELD(struct maqet_overlay, vm_clock), .optional = true});

/* The file. The name of node 0 is not in it, so that image and folder can be moved
 * together, and other names have no folder. */
struct tree_file {
    int format;
    struct maqet_overlays overlays;
};

static const struct maqet_fields file_fields = MAQET_FIELDS_OF(
    struct tree_file, {"format", MAQET_FIELD(struct tree_file, format)},
    {"type", MAQET_FIELD(struct tree_file, overlays.type), .optional = true,
     .sparse = true},
    {"top", MAQET_FIELD(struct tree_file, overlays.top)},
    {"next", MAQET_FIELD(struct tree_file, overlays.next)},
    {"prepared", MAQET_FIELD(struct tree_file, overlays.prepared), .optional = true},
    {"prepared_name", MAQET_FIELD(struct tree_file, overlays.prepared_name),
     .optional = true, .sparse = true},
    {"merging_below", MAQET_FIELD(struct tree_file, overlays.merging_below),
     .optional = true},
    {"merging_above", MAQET_FIELD(struct tree_file, overlays.merging_above),
     .optional = true},
    {"merging_up", MAQET_FIELD(struct tree_file, overlays.merging_up), .optional = true},
    {"rate", MAQET_FIELD(struct tree_file, overlays.rate), .optional = true},
    {"nodes",
     MAQET_FIELD_LIST(struct tree_file, overlays.nodes, overlays.count, &node_fields)});

/* ---- reading and writing ---- */

char *
maqet_overlays_folder(const char *image)
{
    return maqet_format("%s" MAQET_OVERLAYS_SUFFIX, image);
}

char *
maqet_overlays_folder_elsewhere(const char *above, const char *drive)
{
    return maqet_format("%s/%s" MAQET_OVERLAYS_SUFFIX, above, drive);
}

void
maqet_overlays_free(struct maqet_overlays *overlays)
{
    if (!overlays)
        return;
    free(overlays->image);
    free(overlays->place);
    free(overlays->folder);
    free(overlays->type);
    free(overlays->prepared_name);
    for (size_t i = 0; i < overlays->count; i++)
        maqet_strings_clear(&overlays->nodes[i].needed_by);
    maqet_fields_list_free(&node_fields, overlays->nodes, overlays->count);
    free(overlays);
}

/* The record. The caller frees. */
static char *
path_of(const struct maqet_overlays *overlays)
{
    return maqet_format("%s/" MAQET_OVERLAYS_TREE, overlays->folder);
}

/* The file of a node, by the name in the record. The caller frees. */
static char *
file_of(const struct maqet_overlays *overlays, const char *name)
{
    return name ? maqet_format("%s/%s", overlays->folder, name)
                : maqet_strdup(overlays->image);
}

/* The name in the record; NULL: of node 0. */
static const char *
name_of(const struct maqet_overlay *node)
{
    return node->id > 0 ? strrchr(node->file.file, '/') + 1 : NULL;
}

static struct maqet_overlay *
look_up(const struct maqet_overlays *overlays, uint64_t id)
{
    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].id == id)
            return &overlays->nodes[i];
    return NULL;
}

static int
error_damaged(const char *path, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later version of maqet; without "
                    "it, it is not known which image stands on which",
                    path);
    maqet_error_hint(err,
                     "Restore the whole folder from a backup, and the image with it");
    return -1;
}

static int
read_tree(struct maqet_overlays *overlays, const char *path, json_object *json,
          struct maqet_error **err)
{
    struct tree_file file = {0};

    if (maqet_fields_from_json(&file_fields, json, &file, NULL) < 0)
        return error_damaged(path, err);
    overlays->type = file.overlays.type;
    overlays->top = file.overlays.top;
    overlays->next = file.overlays.next;
    overlays->prepared = file.overlays.prepared;
    overlays->prepared_name = file.overlays.prepared_name;
    overlays->merging_below = file.overlays.merging_below;
    overlays->merging_above = file.overlays.merging_above;
    overlays->merging_up = file.overlays.merging_up;
    overlays->rate = file.overlays.rate;
    overlays->nodes = file.overlays.nodes;
    overlays->count = file.overlays.count;
    if (file.format != FORMAT || !maqet_overlay_tree_is_sound(overlays) ||
        (overlays->place && !maqet_overlay_tree_is_complete(overlays)))
        return error_damaged(path, err);
    for (size_t i = 0; i < overlays->count; i++) {
        struct maqet_node *node = &overlays->nodes[i].file;
        char *whole = file_of(overlays, node->file);

        free(node->file);
        node->file = whole;
    }
    return 0;
}

/* Whether there are overlays although there is no tree: it is lost, since ids are recorded before files are
 * made, and the record goes after the last of them. (Early versions that were killed have left such files, too.)
 * @names were listed before the tree was looked for. One that has just been removed, by another process, has
 * taken them with it. */
static bool
has_lost_tree(const struct maqet_overlays *overlays, const struct maqet_strings *names,
              const char *path)
{
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    struct stat status;

    if (maqet_overlay_files_next(names) == 1 ||
        (overlays->image && (stat(overlays->image, &status) < 0 ||
                             (!S_ISBLK(status.st_mode) && !S_ISREG(status.st_mode)))))
        return false;
    maqet_dir_list(overlays->folder, &now, NULL);
    return maqet_overlay_files_next(&now) > 1 && maqet_file_missing(path);
}

static int
error_lost(const struct maqet_overlays *overlays, const char *path,
           struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is missing, but there are overlays on %s in that folder; without "
                    "it, it is not known which image stands on which",
                    path, overlays->image ? overlays->image : overlays->place);
    maqet_error_hint(err,
                     "Restore the whole folder from a backup, and the image with it");
    maqet_error_hint(err,
                     "Or, if nobody needs those overlays, move them to another folder");
    return -1;
}

/* A tree that was put back from an earlier time does not know what was written since. */
static int
check_newer(const struct maqet_overlays *overlays, const char *path,
            const struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_free_ char *file = maqet_overlay_files_newer(overlays, names);

    if (!file)
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_FAILED,
        "%s is older than the overlay %s, and does not say which image that stands on",
        path, file);
    maqet_error_hint(err,
                     "Restore the whole folder from a backup, and the image with it");
    maqet_error_hint(err, "Or, if nobody needs that overlay, move it to another folder");
    return -1;
}

/* Takes all three, of which @image or @place is NULL. */
static struct maqet_overlays *
read_folder(char *folder, char *image, char *place, struct maqet_error **err)
{
    _cleanup_overlays_ struct maqet_overlays *overlays = maqet_alloc(sizeof(*overlays));
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    overlays->folder = folder;
    overlays->image = image;
    overlays->place = place;
    /* Before the tree: whoever creates overlays meanwhile has recorded their ids before. */
    maqet_dir_list(overlays->folder, &names, NULL);
    _cleanup_free_ char *path = path_of(overlays);
    _cleanup_json_ json_object *json = maqet_json_read(path, &reason);
    if (json)
        return read_tree(overlays, path, json, err) < 0 ||
                       check_newer(overlays, path, &names, err) < 0
                   ? NULL
                   : TAKE_PTR(overlays);
    if (reason->code != MAQET_ERROR_MISSING) {
        maqet_error_move(err, TAKE_PTR(reason));
        return NULL;
    }
    if (has_lost_tree(overlays, &names, path)) {
        error_lost(overlays, path, err);
        return NULL;
    }
    overlays->next = maqet_overlay_files_next(&names);
    MAQET_APPEND(overlays->nodes, overlays->count)->file.file = maqet_strdup(image);
    return TAKE_PTR(overlays);
}

struct maqet_overlays *
maqet_overlays_read(const char *image, struct maqet_error **err)
{
    return read_folder(maqet_overlays_folder(image), maqet_strdup(image), NULL, err);
}

struct maqet_overlays *
maqet_overlays_read_elsewhere(const char *folder, const char *place,
                              struct maqet_error **err)
{
    return read_folder(maqet_strdup(folder), NULL, maqet_strdup(place), err);
}

static int
write_tree(const struct maqet_overlays *overlays, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(overlays);

    if (maqet_dir_make(overlays->folder, 0700, err) < 0)
        return -1;
    struct tree_file file = {.format = FORMAT, .overlays = *overlays};
    _cleanup_free_ struct maqet_overlay *nodes =
        maqet_alloc(overlays->count * sizeof(*nodes));
    for (size_t i = 0; i < overlays->count; i++) {
        nodes[i] = overlays->nodes[i];
        nodes[i].file.file = (char *)name_of(&overlays->nodes[i]);
    }
    file.overlays.nodes = nodes;
    _cleanup_json_ json_object *json = maqet_fields_to_json(&file_fields, &file);
    return maqet_json_write(path, json, err);
}

/* Only node 0 is left: the files in the folder are of no use, and none of them may be there without
 * a tree. */
static int
remove_tree(const struct maqet_overlays *overlays, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(overlays);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (!maqet_file_missing(path) && write_tree(overlays, err) < 0)
        return -1;
    /* The folder stays: a running QEMU may have the right to open files in it. */
    maqet_overlay_files_sweep(overlays);
    maqet_dir_list(overlays->folder, &names, NULL);
    /* One that cannot be removed keeps the tree: without it, that would be taken for a damage. */
    return maqet_overlay_files_next(&names) > 1 ? 0 : maqet_file_remove(path, err);
}

int
maqet_overlays_write(const struct maqet_overlays *overlays, struct maqet_error **err)
{
    return overlays->count == 1 ? remove_tree(overlays, err) : write_tree(overlays, err);
}

int
maqet_overlays_reserve(struct maqet_overlays *overlays, struct maqet_error **err)
{
    overlays->next++;
    int result = write_tree(overlays, err);
    overlays->next--;
    return result;
}

/* ---- nodes ---- */

struct maqet_overlay *
maqet_overlays_node(const struct maqet_overlays *overlays, uint64_t id)
{
    struct maqet_overlay *node = look_up(overlays, id);

    return node ? node : &overlays->nodes[0];
}

struct maqet_overlay *
maqet_overlays_find(const struct maqet_overlays *overlays, const char *name)
{
    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].name && strcmp(overlays->nodes[i].name, name) == 0)
            return &overlays->nodes[i];
    return NULL;
}

size_t
maqet_overlays_children(const struct maqet_overlays *overlays, uint64_t id,
                        struct maqet_overlay **one)
{
    size_t count = 0;

    for (size_t i = 1; i < overlays->count; i++) {
        if (overlays->nodes[i].parent != id)
            continue;
        count++;
        if (one)
            *one = &overlays->nodes[i];
    }
    return count;
}

bool
maqet_overlays_stands_on(const struct maqet_overlays *overlays, uint64_t id,
                         uint64_t below)
{
    while (id != below && id != 0)
        id = maqet_overlays_node(overlays, id)->parent;
    return id == below;
}

size_t
maqet_overlays_depth(const struct maqet_overlays *overlays, uint64_t id)
{
    size_t depth = 0;

    for (; id != 0; id = maqet_overlays_node(overlays, id)->parent)
        depth++;
    return depth;
}

struct maqet_overlay *
maqet_overlays_add(struct maqet_overlays *overlays, uint64_t parent, uint64_t size)
{
    struct maqet_overlay *node = MAQET_APPEND(overlays->nodes, overlays->count);

    node->id = overlays->next++;
    node->parent = parent;
    node->type = maqet_strdup(overlays->type);
    node->size = size;
    node->mode = overlays->nodes[0].mode ? overlays->nodes[0].mode : 0600;
    node->file.file =
        maqet_format("%s/%" PRIu64 ".%s", overlays->folder, node->id, node->type);
    return node;
}

void
maqet_overlays_drop(struct maqet_overlays *overlays, uint64_t id)
{
    struct maqet_overlay *node = look_up(overlays, id);

    if (!node || id == 0)
        return;
    size_t at = (size_t)(node - overlays->nodes);
    maqet_strings_clear(&node->needed_by);
    maqet_fields_clear(&node_fields, node);
    memmove(node, node + 1, (--overlays->count - at) * sizeof(*node));
}

/* ---- files ---- */

char *
maqet_overlays_backing_name(const struct maqet_overlays *overlays,
                            const struct maqet_overlay *below)
{
    const char *name = name_of(below);

    if (name || !overlays->image)
        return maqet_strdup(name ? name : below->stored_name);
    return maqet_format("../%s", strrchr(overlays->image, '/') + 1);
}

const char *
maqet_overlays_backing_format(const struct maqet_overlays *overlays,
                              const struct maqet_overlay *below, const char *own)
{
    return below->id == 0 && !overlays->image ? below->stored_format : own;
}

int
maqet_overlays_remove(const char *image, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_overlays_folder(image);

    return maqet_overlays_remove_folder(folder, err);
}

int
maqet_overlays_remove_folder(const char *folder, struct maqet_error **err)
{
    const struct maqet_overlays none = {.folder = (char *)folder, .next = UINT64_MAX};
    _cleanup_free_ char *path = path_of(&none);

    if (maqet_file_missing(folder))
        return 0;
    /* The tree goes last: overlays without one would be taken for a damage. */
    maqet_overlay_files_sweep(&none);
    if (maqet_file_remove(path, err) < 0)
        return -1;
    return rmdir(folder) == 0 || errno == ENOENT || errno == ENOTEMPTY
               ? 0
               : maqet_error_set(err, MAQET_ERROR_FAILED, "Cannot remove %s: %m", folder);
}
