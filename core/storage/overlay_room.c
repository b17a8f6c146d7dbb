/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_room.h"

#include <sys/stat.h>

#include "core/storage/overlay_costs.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/space.h"

/* How much a file can grow that is as long as the image already: it may be allocated as a whole from
 * the beginning. */
static uint64_t
growth_limit(uint64_t image, const struct stat *status)
{
    uint64_t size = (uint64_t)status->st_size;
    uint64_t allocated = (uint64_t)status->st_blocks * 512;

    if (size < image)
        return UINT64_MAX;
    return size > allocated ? size - allocated : 0;
}

static int
error_full(const struct maqet_overlay *stays, const struct maqet_overlay *goes,
           uint64_t growth, uint64_t available, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(stays->file.file);
    _cleanup_free_ char *takes = maqet_text_bytes(growth);
    _cleanup_free_ char *left = maqet_text_bytes(available);

    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "%s cannot be merged into %s: that takes %s, and %s are free in %s",
                    goes->file.file, stays->file.file, takes, left, folder);
    maqet_error_hint(err, "Free up disk space in %s", folder);
    return -1;
}

/* What lies elsewhere may not grow; qemu-img would notice that in the middle of its work. */
static int
check_growth(const struct maqet_drive *drive, const struct maqet_overlay *below,
             const struct maqet_overlay *above, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->image_storage->plugin;
    uint64_t size;

    if (below->file.file || plugin->resize || plugin->live_resize ||
        maqet_overlay_nodes_size(drive, above->id, &size, NULL) < 0 ||
        size <= below->size)
        return 0;
    _cleanup_free_ char *upper = maqet_text_bytes(size);
    _cleanup_free_ char *lower = maqet_text_bytes(below->size);
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "%s cannot be merged into the storage that it stands on: the drive "
                      "has grown to %s since, and the type %s cannot make %s larger",
                      above->file.file, upper, plugin->name, lower);
    maqet_error_hint(err, "Keep the snapshot, or copy the drive to a larger image");
    return -1;
}

/* @down: the lower one stays, else the upper one. */
static int
check(const struct maqet_drive *drive, const struct maqet_overlay *below,
      const struct maqet_overlay *above, bool down, struct maqet_error **err)
{
    const struct maqet_overlay *stays = down ? below : above;
    const struct maqet_overlay *goes = down ? above : below;
    uint64_t size = below->size > above->size ? below->size : above->size;
    uint64_t growth, limit, available;
    struct stat status;

    if (!stays->file.file)
        return check_growth(drive, below, above, err);
    if (stat(stays->file.file, &status) < 0 || !S_ISREG(status.st_mode) ||
        !maqet_space_available(stays->file.file, &available) ||
        maqet_overlay_nodes_used(drive, goes->id, &growth, NULL) < 0)
        return 0;
    limit = growth_limit(size, &status);
    /* That is all that its file takes, though parts may have been trimmed, and others be in the file that
     * stays, too. To find that out takes its time. */
    if (growth <= available || limit <= available ||
        !maqet_overlay_costs_added(drive, goes->id, stays->id, &growth))
        return 0;
    if (growth > limit)
        growth = limit;
    return growth <= available ? 0 : error_full(stays, goes, growth, available, err);
}

static int
check_merge(const struct maqet_drive *drive, const struct maqet_overlay *below,
            const struct maqet_overlay *above, struct maqet_error **err)
{
    uint64_t bytes;
    bool down;

    return maqet_overlay_nodes_way(drive, below, above, &down, &bytes, NULL) < 0
               ? 0
               : check(drive, below, above, down, err);
}

bool
maqet_overlay_room_is_awaited(const struct maqet_drive *drive,
                              const struct maqet_overlay *below,
                              const struct maqet_overlay *above, bool says)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (check_merge(drive, below, above, &reason) == 0)
        return false;
    if (!says)
        return true;
    maqet_error_wrap(
        &reason, "VM '%s', drive '%s': the space of deleted snapshots is not freed yet",
        drive->machine->vm_name, drive->name);
    maqet_context_say_error(drive->context, MAQET_LEVEL_WARNING, reason);
    return true;
}

int
maqet_overlay_room_check_removal(const struct maqet_drive *drive,
                                 const struct maqet_overlay *node,
                                 struct maqet_error **err)
{
    struct maqet_overlay *above = NULL;

    return node->needed_by.count > 0 ||
                   maqet_overlays_children(drive->overlays, node->id, &above) != 1 ||
                   maqet_overlay_nodes_is_deferred(drive, node, above)
               ? 0
               : check_merge(drive, node, above, err);
}
