/* SPDX-License-Identifier: MIT */
/*
 * bases_elsewhere.h - storage that is no file of this host, on which overlays of other drives stand
 * (core/storage/overlay_elsewhere.h): nobody may write to it. It is known by the nodes that QEMU opens for it.
 */
#ifndef MAQET_MACHINE_BASES_ELSEWHERE_H
#define MAQET_MACHINE_BASES_ELSEWHERE_H

#include "core/storage/drive.h"

/* Whether a drive that writes to its storage itself may do so. MAQET_ERROR_STATE: whose overlays stand on
 * that, in the data folder. Any other drive passes. */
int maqet_bases_check_elsewhere(const struct maqet_drive *drive,
                                struct maqet_error **err);

/* Adds phrases for the drives whose overlays stand on the storage of this one, which has overlays on it as
 * well. */
void maqet_bases_find_elsewhere(const struct maqet_drive *drive,
                                struct maqet_strings *found);

#endif
