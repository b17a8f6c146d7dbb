/* SPDX-License-Identifier: MIT */
/*
 * volatile.h - folders that lose their files when the host boots: where images without a
 * path are created, unless the user names another folder.
 */
#ifndef MAQET_STORAGE_VOLATILE_H
#define MAQET_STORAGE_VOLATILE_H

#include "core/base/context.h"

/* The folder of images without a path, where the machine names none. */
const char *maqet_storage_dir(const struct maqet_context *context);

/* Why files in a folder are lost, as far as that can be known: "which is in memory
 * (tmpfs)". NULL: they stay. The caller frees. */
char *maqet_folder_volatile(const char *folder);

/* What systemd-tmpfiles does to the files in a folder (tmpfiles.d(5)), by the configuration
 * below @root ("" for this host's own). NULL: nothing. The caller frees. */
char *maqet_folder_tmpfiles(const char *root, const char *folder);

#endif
