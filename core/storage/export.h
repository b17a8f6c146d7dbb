/* SPDX-License-Identifier: MIT */
/*
 * export.h - writes the content of a snapshot, or of a drive, to a file.
 */
#ifndef MAQET_STORAGE_EXPORT_H
#define MAQET_STORAGE_EXPORT_H

#include "core/base/files.h"
#include "core/storage/snapshots.h"

struct maqet_export_recorder {
    /* Records the temporary file: with @id NULL before it is created, then with its @id.
     */
    int (*record)(void *data, const char *temporary, const struct maqet_file_id *id,
                  struct maqet_error **err);
    /* Called when all is written: an error if other programs could write to the image
     * meanwhile. The file is not published then. */
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

/* Writes a new file, which exists already and is empty, with the name @path until it is complete. */
typedef int maqet_export_write(void *data, const char *path, struct maqet_error **err);

/* Has @write write a new file. Replaces nothing, and leaves nothing behind when it fails. */
int maqet_export_run(const struct maqet_export *export,
                     const struct maqet_export_recorder *recorder,
                     maqet_export_write *write, void *data, struct maqet_error **err);

/* Has @use write and use another file in the same folder meanwhile, which is removed in any case. */
int maqet_export_beside(const struct maqet_export *export,
                        const struct maqet_export_recorder *recorder,
                        maqet_export_write *use, void *data, struct maqet_error **err);

/* Writes the content of a snapshot to a new file. Replaces nothing, and leaves nothing
 * behind when it fails. */
int maqet_drive_snapshot_export(const struct maqet_drive *drive,
                                const struct maqet_snapshot *snapshot,
                                const struct maqet_export *export,
                                const struct maqet_export_recorder *recorder,
                                struct maqet_error **err);

/* An error if the drive is encrypted and the file may not be readable, or the reverse. */
int maqet_drive_check_export(const struct maqet_drive *drive,
                             const struct maqet_export *export, struct maqet_error **err);

/* The same for what a drive holds now, while nobody writes to it. */
int maqet_drive_export(const struct maqet_drive *drive, const struct maqet_export *export,
                       const struct maqet_export_recorder *recorder,
                       struct maqet_error **err);

/* Removes the temporary file of a killed export if it is the file @id (NULL: if it is
 * empty) and no other export writes it. False: it stays. */
bool maqet_export_remove_abandoned(const char *temporary, const struct maqet_file_id *id);

#endif
