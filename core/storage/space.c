/* SPDX-License-Identifier: MIT */
#include "core/storage/space.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/base/files.h"
#include "core/storage/callback.h"

/* With fewer bytes a file system counts as full. */
static const uint64_t LITTLE_SPACE = 1 << 20;

bool
maqet_space_available(const char *path, uint64_t *bytes)
{
    struct statvfs space;

    if (statvfs(path, &space) < 0 || space.f_blocks == 0)
        return false;
    *bytes = (uint64_t)space.f_bavail * space.f_frsize;
    return true;
}

/* The space in the folder of a drive's image, and its file system. False: not known. */
static bool
space_of(const struct maqet_drive *drive, uint64_t *available, uint64_t *device)
{
    _cleanup_free_ char *folder = maqet_path_folder(drive->path);
    struct stat status;

    if (!maqet_space_available(folder, available) || stat(folder, &status) < 0)
        return false;
    *device = status.st_dev;
    return true;
}

/* The end of the errors below. The caller frees. */
static char *
figures(uint64_t required, uint64_t available)
{
    _cleanup_free_ char *required_text = maqet_text_bytes(required);
    _cleanup_free_ char *available_text = maqet_text_bytes(available);

    return maqet_format("Required: %s, Available: %s. Free up disk space and try again.",
                        required_text, available_text);
}

int
maqet_image_check_room(const struct maqet_drive *drive, const char *folder,
                       uint64_t at_once, uint64_t at_most, struct maqet_error **err)
{
    uint64_t needed = drive->overcommit ? at_once : at_most;
    uint64_t available;

    if (!maqet_space_available(folder, &available) || needed <= available)
        return 0;
    _cleanup_free_ char *text = figures(needed, available);
    maqet_error_set(err, MAQET_ERROR_NO_SPACE, "Insufficient disk space for %s. %s",
                    drive->path ? drive->path : folder, text);
    if (!drive->overcommit && at_once <= available) {
        _cleanup_free_ char *once = maqet_text_bytes(at_once);
        maqet_error_hint(err,
                         "Or say `overcommit: true` on the drive '%s' of VM '%s', "
                         "which then needs only the %s that the image uses initially",
                         drive->name, drive->machine->vm_name, once);
    }
    return -1;
}

/* What a missing image needs, and its file system. False: it needs nothing, or that is
 * not known. */
static bool
need_of(const struct maqet_drive *drive, uint64_t *needed, uint64_t *available,
        uint64_t *device)
{
    uint64_t at_once, at_most;

    if (!drive->path || maqet_drive_readonly(drive) || access(drive->path, F_OK) == 0 ||
        maqet_storage_space(drive, &at_once, &at_most, NULL) < 0)
        return false;
    *needed = drive->overcommit ? at_once : at_most;
    return space_of(drive, available, device);
}

int
maqet_image_check_space(struct maqet_drive *const *drives, size_t count,
                        struct maqet_error **err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t total, available, device;
        unsigned images = 1;

        if (!need_of(drives[i], &total, &available, &device))
            continue;
        for (size_t j = i + 1; j < count; j++) {
            uint64_t more, there, other;

            if (!need_of(drives[j], &more, &there, &other) || other != device)
                continue;
            if (__builtin_add_overflow(total, more, &total))
                total = UINT64_MAX;
            images++;
        }
        /* A single image is checked when it is created. */
        if (images == 1 || total <= available)
            continue;
        _cleanup_free_ char *text = figures(total, available);
        maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                        "Insufficient disk space for %s and %u more image%s of VM '%s'. "
                        "%s",
                        drives[i]->path, images - 1, images > 2 ? "s" : "",
                        drives[i]->machine->vm_name, text);
        maqet_error_hint(err, "Or say `overcommit: true` on drives that grow as they are "
                              "filled");
        return -1;
    }
    return 0;
}

int
maqet_image_check_growth(const struct maqet_drive *drive, uint64_t more,
                         struct maqet_error **err)
{
    struct stat status;
    uint64_t available;

    /* A block device does not grow. Links are followed. */
    if (drive->overcommit || stat(drive->path, &status) < 0 || S_ISBLK(status.st_mode) ||
        !maqet_space_available(drive->path, &available) || more <= available)
        return 0;
    _cleanup_free_ char *text = figures(more, available);
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_NO_SPACE,
                      "insufficient disk space for %s to grow. %s", drive->path, text);
    maqet_error_hint(err, "Or say `overcommit: true` on the drive, if it grows as it is "
                          "filled");
    return -1;
}

void
maqet_image_hint_space(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_error *error = err ? *err : NULL;
    uint64_t available, device;

    /* One that maqet has found out itself says so already. */
    if ((error && error->code == MAQET_ERROR_NO_SPACE && error->hints.count > 0) ||
        !drive->path || !space_of(drive, &available, &device) ||
        available >= LITTLE_SPACE)
        return;
    _cleanup_free_ char *text = maqet_text_bytes(available);
    maqet_error_hint(
        err,
        "Free up disk space: %s are left in the file system that contains the "
        "image %s of drive '%s'",
        text, drive->path, drive->name);
}
