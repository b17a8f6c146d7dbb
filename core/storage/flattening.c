/* SPDX-License-Identifier: MIT */
#include "core/storage/flattening.h"

#include "core/base/json.h"
#include "core/storage/block_map.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"
#include "core/storage/keys.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlay_view.h"
#include "core/storage/space.h"

static const char *const keys[] = {MAQET_KEY_BACKING_FILE, MAQET_KEY_BACKING_FORMAT};

enum { KEYS = sizeof(keys) / sizeof(*keys) };

/* The storage of the image itself. */
static const struct maqet_storage *
storage_of(const struct maqet_drive *drive)
{
    return drive->image_storage ? drive->image_storage : drive->storage;
}

bool
maqet_flattening_has_bases(const struct maqet_drive *drive)
{
    _cleanup_strings_ struct maqet_strings bases = MAQET_STRINGS_INIT;

    maqet_flattening_bases(drive, &bases);
    return bases.count > 0;
}

void
maqet_flattening_bases(const struct maqet_drive *drive, struct maqet_strings *bases)
{
    for (size_t i = 0;; i++) {
        _cleanup_free_ char *option = maqet_format("%s.%zu", keys[0], i);
        const char *file = maqet_drive_text(drive, option);

        if (!file)
            return;
        maqet_strings_add(bases, file);
    }
}

bool
maqet_flattening_is_possible(const struct maqet_drive *drive)
{
    return storage_of(drive)->overlay.merge_up != NULL;
}

int
maqet_flattening_check_space(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_json_ json_object *map = maqet_block_map(drive, 0);
    uint64_t bytes = 0;
    int64_t depth;

    for (size_t i = 0; map && i < json_object_array_length(map); i++) {
        json_object *entry = json_object_array_get_idx(map, i);

        if (maqet_block_map_is_data(entry, &depth) && depth > 0)
            bytes += (uint64_t)maqet_json_int(entry, "length");
    }
    return drive->path ? maqet_image_check_growth(drive, bytes, err) : 0;
}

/* Whether others stand on the image, so that it is frozen. */
static bool
is_covered(const struct maqet_drive *drive)
{
    return drive->overlays && drive->overlays->top != 0;
}

int
maqet_flattening_thaw(const struct maqet_drive *drive, struct maqet_error **err)
{
    return is_covered(drive) && (maqet_overlay_thaw(
                                     maqet_overlays_node(drive->overlays, 0), err) < 0 ||
                                 maqet_overlay_nodes_save(drive, err) < 0)
               ? -1
               : 0;
}

int
maqet_flattening_freeze(const struct maqet_drive *drive, struct maqet_error **err)
{
    return is_covered(drive) ? maqet_overlay_nodes_refreeze(drive, err) : 0;
}

static int
merge(const struct maqet_drive *drive, struct maqet_error **err)
{
    return MAQET_OVERLAY_CALL(err, drive, MAQET_CALL_LONG, merge_up, NULL, NULL);
}

int
maqet_flattening_merge(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};

    if (!drive->overlays)
        return merge(drive, err);
    if (maqet_flattening_thaw(drive, err) < 0)
        return -1;
    int result =
        maqet_view_make_written(drive, 0, &view, err) < 0 ? -1 : merge(view.drive, err);
    return maqet_flattening_freeze(drive, result < 0 ? NULL : err) < 0 ? -1 : result;
}

/* What the plugin says of the image of a drive. */
static int
inspect(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    struct maqet_image_state state;

    if (drive->overlays && maqet_view_make(drive, 0, &view, err) < 0)
        return -1;
    if (maqet_image_inspect(view.drive ? view.drive : drive, &state, err) < 0)
        return -1;
    return state.exists ? 0
                        : maqet_error_set(err, MAQET_ERROR_MISSING, "%s does not exist",
                                          drive->path);
}

int
maqet_flattening_is_done(const struct maqet_drive *before,
                         const struct maqet_drive *after, bool *done,
                         struct maqet_error **err)
{
    *done = inspect(after, NULL) == 0;
    return *done ? 0 : inspect(before, err);
}

void
maqet_flattening_change_entry(json_object *entry)
{
    for (size_t i = 0; i < KEYS; i++)
        maqet_keys_remove(entry, keys[i]);
}
