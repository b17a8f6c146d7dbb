/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_damage.h"

#include <string.h>

#include "core/base/mask.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_view.h"

static int
check_node(const struct maqet_drive *drive, uint64_t id, enum maqet_check_depth depth,
           struct maqet_check_report *report, struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    const struct maqet_drive *whole = report->drive;

    if (maqet_view_make(drive, id, &view, err) < 0)
        return -1;
    if (!view.drive->storage->plugin.check)
        return 0;
    report->drive = view.drive;
    int result = view.drive->storage->plugin.check(view.drive, depth, report, err);
    report->drive = whole;
    return result;
}

/* One that the guest does not stand on: what goes wrong is said, and is no reason not to look at the
 * others. */
static int
check_beside(const struct maqet_drive *drive, uint64_t id, enum maqet_check_depth depth,
             struct maqet_check_report *report, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (check_node(drive, id, depth, report, &reason) == 0)
        return 0;
    if (reason->signal)
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(drive->context, MAQET_LEVEL_WARNING,
                      "VM '%s', drive '%s': %s was not checked: %s",
                      drive->machine->vm_name, drive->name,
                      maqet_overlays_node(drive->overlays, id)->file.file,
                      reason->message);
    return 0;
}

static struct maqet_checked_file *
file_of(struct maqet_check_report *report, const char *path)
{
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->files[i].path, path) == 0)
            return &report->files[i];
    struct maqet_checked_file *file = MAQET_APPEND(report->files, report->count);
    file->path = maqet_mask(maqet_strdup(path));
    return file;
}

/* Whether a frozen node is as it was: what its type's own tool finds sound can be another image. */
static void
check_frozen(const struct maqet_overlay *node, struct maqet_check_report *report)
{
    char *change = maqet_overlay_change(node);

    if (change)
        maqet_strings_take(&file_of(report, node->file.file)->damage, change);
}

/* What the guest sees comes first; the rest is no reason not to start it. */
int
maqet_overlay_damage_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
                           struct maqet_check_report *report, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    for (size_t i = 0; depth != MAQET_CHECK_QUICK && i < overlays->count; i++)
        check_frozen(&overlays->nodes[i], report);

    for (uint64_t id = overlays->top;; id = maqet_overlays_node(overlays, id)->parent) {
        if (check_node(drive, id, depth, report, err) < 0)
            return -1;
        if (id == 0)
            break;
    }
    for (size_t i = 0; depth != MAQET_CHECK_QUICK && i < overlays->count; i++) {
        uint64_t id = overlays->nodes[i].id;

        if (!maqet_overlays_stands_on(overlays, overlays->top, id) &&
            check_beside(drive, id, depth, report, err) < 0)
            return -1;
    }
    return 0;
}
