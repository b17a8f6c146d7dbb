/* SPDX-License-Identifier: MIT */
/*
 * compaction.h - makes the image of a drive smaller, in its place: what is stored in it
 * and reads as zero is stored no more. The content does not change, so nothing is lost when
 * that is killed. Only the node that the guest writes to changes, and no snapshot.
 */
#ifndef MAQET_STORAGE_COMPACTION_H
#define MAQET_STORAGE_COMPACTION_H

#include "core/storage/drive.h"

/* Compacts it, while nobody uses the drive. @socket is where a program may serve it: a path in
 * a folder that only we can enter. Reports progress. */
int maqet_drive_compact(const struct maqet_drive *drive, const char *socket,
                        struct maqet_error **err);

#endif
