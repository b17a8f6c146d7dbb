/* SPDX-License-Identifier: MIT */
/*
 * folder.h - the folder of a drive (maqet_drive_folder() in maqet-plugin.h), which belongs to
 * its plugin, below the machine's folder. It is created when it is first needed.
 */
#ifndef MAQET_STORAGE_FOLDER_H
#define MAQET_STORAGE_FOLDER_H

#include "core/storage/drive.h"

/* Creates it if it is missing. MAQET_ERROR_MISSING: its machine is not stored. */
int maqet_drive_folder_make(const struct maqet_drive *drive, struct maqet_error **err);

/* Deletes what is in it. If it is missing, nothing is. */
int maqet_drive_folder_empty(const struct maqet_drive *drive, struct maqet_error **err);

#endif
