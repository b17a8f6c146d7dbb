/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_possible.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/qemu/objects.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_view.h"
#include "core/storage/snapshots.h"
#include "core/storage/system_folders.h"

int
maqet_overlays_check_possible(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_readonly(drive))
        return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_INVALID,
                                 "nothing is written to it, so it has no snapshots");
    if (drive->storage->plugin.creation == MAQET_CREATION_EACH_START)
        return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_INVALID,
                                 "it is created for each start, so that snapshots would "
                                 "be of no use when the VM has ended");
    return 0;
}

/* The overlays of a block device would be beside its node, in memory. */
int
maqet_overlays_check_folder(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (!drive->path)
        return 0; /* they are in the machine's folder */
    _cleanup_free_ char *folder = maqet_path_folder(drive->path);
    _cleanup_free_ char *real = realpath(folder, NULL);
    const char *system = real ? maqet_path_system(real, geteuid()) : NULL;

    if (!system)
        return 0;
    maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
                      "its overlays would be beside %s, and no image is created in %s",
                      drive->path, system);
    maqet_error_hint(
        err, "Name a symbolic link to it, in the folder that is to have the overlays");
    return -1;
}

static bool
is_secret(const struct maqet_props *object)
{
    return strcmp(object->option, "-object") == 0 &&
           maqet_text_starts(maqet_json_text(object->json, "qom-type"), "secret");
}

/* What the guest writes would be in an overlay as it is. */
int
maqet_overlays_check_encryption(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_storage_emit_node(drive, 0, args, err) < 0)
        return -1;
    for (size_t i = 0; i < args->count; i++)
        if (is_secret(args->objects[i]))
            return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
                                     drive->path
                                         ? "the drive is encrypted, and overlays are not"
                                         : "QEMU opens it with a password or a key, so "
                                           "it may be encrypted, and overlays are not");
    return 0;
}

int
maqet_overlays_check_not_mixed(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_view_ struct maqet_view view = {0};

    if (drive->image_storage->snapshot.size == 0 || drive->overlays->count > 1)
        return 0;
    if (maqet_view_make(drive, 0, &view, err) < 0 ||
        maqet_drive_snapshots_read(view.drive, &snapshots, err) < 0)
        return -1;
    if (snapshots.count == 0)
        return 0;
    maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_INVALID,
                      "%s has internal snapshots, which cannot be mixed with overlays",
                      drive->path ? drive->path : "its storage");
    maqet_error_hint(err, "To go on with these, remove `snapshots: overlay`");
    if (!drive->path)
        return -1;
    return maqet_error_next(err, MAQET_NEXT_CONVERT_SNAPSHOTS, drive->machine->vm_name,
                            drive->name, "overlay", NULL);
}
