/* SPDX-License-Identifier: MIT */
/*
 * export.h - what a snapshot holds, written to a file of its own.
 */
#ifndef MAQET_STORAGE_EXPORT_H
#define MAQET_STORAGE_EXPORT_H

#include "core/base/files.h"
#include "core/storage/snapshots.h"

/* Whom to tell of the temporary file of an export: first with @id NULL, when it is about
 * to be made, then again when it is known which file it is. */
struct maqet_export_recorder {
    int (*record)(void *data, const char *temporary, const struct maqet_file_id *id,
                  struct maqet_error **err);
    /* Whether the image stayed protected from other writers until now, when all of it is
     * written: an error means that the file is not published. */
    int (*verify)(void *data, struct maqet_error **err);
    void *data;
};

struct maqet_export {
    const char *path; /* absolute */
    const char *format;
    bool compress;
    bool decrypt;
    mode_t mode; /* of the file; 0: 0600 */
};

/* Writes the content of a snapshot to a new file. Replaces nothing, and leaves nothing
 * behind when it fails. */
int maqet_drive_snapshot_export(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot,
                                const struct maqet_export *export,
                                const struct maqet_export_recorder *recorder,
                                struct maqet_error **err);

/* Removes the temporary file of an export that was killed, if it is that file (see
 * maqet_export_recorder for @id) and no other export writes it. False: it stays. */
bool maqet_export_remove_abandoned(const char *temporary, const struct maqet_file_id *id);

#endif
