/* SPDX-License-Identifier: MIT */
/*
 * system_folders.h - folders of the host that a guest must not write to, because it could
 * then take over the host, and those in which no image is created.
 */
#ifndef MAQET_STORAGE_SYSTEM_FOLDERS_H
#define MAQET_STORAGE_SYSTEM_FOLDERS_H

#include "core/storage/drive.h"

/* The system folder that a guest could write to through a folder: "/etc", for a folder
 * inside it and for "/". Follows links, ".." and bind mounts. NULL: none, or the folder
 * is missing. */
const char *maqet_system_folder(const char *path);

/* Whether the guest could write to one through a share without `allow_system`:
 * MAQET_ERROR_PERMISSION. */
int maqet_drive_check_share(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether a path is that of a folder or inside it. Both are absolute and not resolved. */
bool maqet_path_is_within(const char *path, const char *folder);

/* The system folder that contains a folder (absolute, links resolved). NULL: the user
 * @uid may create an image there. */
const char *maqet_path_system(const char *folder, uid_t uid);

#endif
