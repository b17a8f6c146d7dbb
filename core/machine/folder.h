/* SPDX-License-Identifier: MIT */
/*
 * folder.h - which files in a machine's folder are maqet's own. Whatever else lies there
 * is somebody's, and stays.
 */
#ifndef MAQET_MACHINE_FOLDER_H
#define MAQET_MACHINE_FOLDER_H

#include "core/base/error.h"

/* Fills *stray with something in a machine's folder, or in that of its checkpoints, that
 * is not ours: its name within the folder, which the caller frees; NULL: there is
 * nothing. */
int maqet_folder_stray(const char *folder, char **stray, struct maqet_error **err);

/* Removes a machine's folder, of which nothing goes but our own files: with others in it,
 * it stays, which is an error. One that is missing is fine. */
int maqet_folder_remove_own(const char *folder, struct maqet_error **err);

/* Removes what a killed maqet has left in a machine's folder of files that it wrote. */
void maqet_folder_sweep(const char *folder);

#endif
