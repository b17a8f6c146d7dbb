/* SPDX-License-Identifier: MIT */
/*
 * paths.h - where images may be made: not in the folders of the system.
 */
#ifndef MAQET_STORAGE_PATHS_H
#define MAQET_STORAGE_PATHS_H

#include <sys/types.h>

/* The system folder that a folder (absolute, links resolved) is in, or NULL when an image
 * may be made there by the user @uid. */
const char *maqet_path_system(const char *folder, uid_t uid);

#endif
