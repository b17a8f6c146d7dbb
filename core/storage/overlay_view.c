/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_view.h"

#include <string.h>

#include "core/config/tree.h"
#include "core/storage/entry.h"
#include "core/storage/overlay_name.h"

void
maqet_view_clear(struct maqet_view *view)
{
    struct maqet_drive *drive = TAKE_PTR(view->drive);

    if (!drive)
        return;
    if (!view->is_copy) {
        maqet_drive_free(drive);
        return;
    }
    maqet_chain_clear(&drive->chain);
    maqet_strings_clear(&drive->reported->files);
    free(drive->reported);
    free(drive);
}

/* The image itself, which has the options of the drive. */
static struct maqet_drive *
copy_of(const struct maqet_drive *drive)
{
    struct maqet_drive *copy = maqet_alloc(sizeof(*copy));

    *copy = *drive;
    copy->copy_of = drive;
    copy->chain = (struct maqet_chain){0};
    copy->reported = maqet_alloc(sizeof(*copy->reported));
    copy->overlays = NULL;
    copy->storage = drive->image_storage;
    copy->image_storage = NULL;
    maqet_drive_set_top(copy, drive->overlays->image);
    return copy;
}

/* The value of an option that an overlay takes over. */
static const struct maqet_value *
inherited(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_drive_value(drive, MAQET_OF_STORAGE, option);

    return value && value->written && value->text ? value : NULL;
}

static void
add_inherited(const struct maqet_drive *drive, const struct maqet_storage *storage,
              json_object *entry, struct maqet_place place)
{
    const char *const *names = storage->overlay.inherited;

    for (; names && *names; names++) {
        const struct maqet_value *value = inherited(drive, *names);

        if (value)
            maqet_tree_set(entry, *names, json_object_new_string(value->text), place,
                           place);
    }
}

/* The entry of a drive for an overlay. */
static json_object *
entry_for(const struct maqet_drive *drive, const struct maqet_overlay *node,
          const struct maqet_storage *storage)
{
    struct maqet_place place = maqet_tree_place(drive->tree);
    json_object *entry = maqet_tree_mapping(place);
    const char *const pairs[][2] = {{"name", drive->name},
                                    {"type", node->type},
                                    {"interface", "none"},
                                    {storage->plugin.path_option, node->file.file}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        maqet_tree_set(entry, pairs[i][0], json_object_new_string(pairs[i][1]), place,
                       place);
    add_inherited(drive, storage, entry, place);
    return entry;
}

static struct maqet_drive *
overlay_of(const struct maqet_drive *drive, const struct maqet_overlay *node,
           struct maqet_error **err)
{
    const struct maqet_storage *storage =
        maqet_storage_load(drive->context, node->type, err);

    if (!storage)
        return NULL;
    if (!storage->overlay.create) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                          "the type '%s' does not serve as an overlay", node->type);
        return NULL;
    }
    _cleanup_json_ json_object *entry = entry_for(drive, node, storage);
    struct maqet_drive *overlay =
        maqet_drive_new(drive->context, drive->machine, entry, err);
    if (overlay)
        overlay->mode = drive->mode;
    return overlay;
}

static int
set_backing(struct maqet_drive *overlay, const struct maqet_drive *drive,
            const struct maqet_overlay *below, struct maqet_error **err)
{
    const struct maqet_storage *storage =
        below->type ? maqet_storage_load(drive->context, below->type, err)
                    : drive->image_storage;

    if (!storage)
        return -1;
    overlay->backing.node = maqet_overlay_node_name(drive->name, below->id);
    overlay->backing.name = maqet_overlays_backing_name(drive->overlays, below);
    overlay->backing.format = maqet_strdup(
        maqet_overlays_backing_format(drive->overlays, below, storage->plugin.format));
    return 0;
}

int
maqet_view_make(const struct maqet_drive *drive, uint64_t id, struct maqet_view *view,
                struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    const struct maqet_overlay *node = maqet_overlays_node(overlays, id);
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, id);

    view->is_copy = id == 0;
    view->drive = id == 0 ? copy_of(drive) : overlay_of(drive, node, err);
    if (!view->drive)
        return -1;
    if (id > 0 && set_backing(view->drive, drive,
                              maqet_overlays_node(overlays, node->parent), err) < 0) {
        maqet_view_clear(view);
        return -1;
    }
    view->drive->overlay_for = id > 0 ? drive : NULL;
    view->drive->overlay_id = id;
    view->drive->readonly = maqet_drive_readonly(drive) || id != overlays->top;
    view->drive->running = drive->running;
    maqet_drive_set_node(view->drive, name);
    return 0;
}

int
maqet_view_make_written(const struct maqet_drive *drive, uint64_t id,
                        struct maqet_view *view, struct maqet_error **err)
{
    if (maqet_view_make(drive, id, view, err) < 0)
        return -1;
    view->drive->readonly = false;
    return 0;
}

int
maqet_view_make_top(const struct maqet_drive *drive, struct maqet_view *view,
                    struct maqet_error **err)
{
    return maqet_view_make(drive, drive->overlays->top, view, err);
}
