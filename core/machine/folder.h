/* SPDX-License-Identifier: MIT */
/*
 * folder.h - which files in a machine's folder are maqet's own. Everything else there is
 * the user's, and stays.
 */
#ifndef MAQET_MACHINE_FOLDER_H
#define MAQET_MACHINE_FOLDER_H

#include "core/base/error.h"
#include "core/base/text.h"

/* Fills *stray with the name of something in a machine's folder, or in that of its
 * checkpoints, that is not ours; NULL: there is nothing. The caller frees. */
int maqet_folder_stray(const char *folder, char **stray, struct maqet_error **err);

/* Removes our files from a machine's folder, overlays included, and the folder. Other files in it are an
 * error; a missing folder is not. */
int maqet_folder_remove_own(const char *folder, struct maqet_error **err);

/* Appends the paths of the overlays in a machine's folder of drives: of those whose storage is no
 * file of this host. */
int maqet_folder_overlays(const char *drives, struct maqet_strings *paths,
                          struct maqet_error **err);

/* Removes the folders of drives (maqet_drive_folder_name()) in a machine's folder, with
 * what their plugins keep in them, except those that are named. */
int maqet_folder_remove_drives(const char *folder, const struct maqet_strings *kept,
                               struct maqet_error **err);

/* Appends the paths of temporary files that a killed maqet has left in a machine's folder. */
void maqet_folder_leftovers(const char *folder, struct maqet_strings *paths);

/* Removes them. */
void maqet_folder_sweep(const char *folder);

#endif
