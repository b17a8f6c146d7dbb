/* SPDX-License-Identifier: MIT */
/*
 * system_folders.h - folders of the host that a guest should not write to, as whoever can
 * can take the host over; and those in which no image is made.
 */
#ifndef MAQET_STORAGE_SYSTEM_FOLDERS_H
#define MAQET_STORAGE_SYSTEM_FOLDERS_H

#include "core/storage/drive.h"

/* The system folder that a guest could write to by a folder which it is given: "/etc",
 * for what lies in it, and for "/". Links, ".." and bind mounts are followed. NULL: none,
 * or there is no such folder. */
const char *maqet_system_folder(const char *path);

/* Whether the guest could write to one by a drive that is a share, and that does not say
 * `allow_system`: MAQET_ERROR_PERMISSION. */
int maqet_drive_check_share(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether a path is that of a folder, or lies in it: both absolute, and as they are. */
bool maqet_path_is_within(const char *path, const char *folder);

/* The system folder that a folder (absolute, links resolved) is in, or NULL when an image
 * may be made there by the user @uid. */
const char *maqet_path_system(const char *folder, uid_t uid);

#endif
