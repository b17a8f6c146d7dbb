/* SPDX-License-Identifier: MIT */
/*
 * restore.h - brings drives back to a backup: of the VM itself, whose present images are kept
 * under other names, or of a new one (restore_new.h).
 */
#ifndef MAQET_BACKUP_RESTORE_H
#define MAQET_BACKUP_RESTORE_H

#include "core/backup/catalog.h"
#include "core/storage/record.h"

struct maqet_backup_restore {
    const char *folder;
    const char *vm;                     /* whose backups these are */
    const char *id;                     /* NULL: the last one that is complete */
    const struct maqet_strings *drives; /* NULL: all that are in it */
    bool trust; /* checksums are not verified, which takes reading everything twice */
};

/* What was restored. */
struct maqet_restored {
    char *vm;
    char *id; /* of the backup */
    struct maqet_restored_drive {
        char *vm;
        char *id;
        char *name;
        char *image;
        char *kept; /* where the former image is; NULL: there was none */
        uint64_t size;
    } * drives;
    size_t count;
};

void maqet_restored_clear(struct maqet_restored *restored);

#define _cleanup_restored_ _cleanup_(maqet_restored_clear)

/* A backup that was chosen and verified. */
struct maqet_restore_source {
    struct maqet_catalog catalog;
    const struct maqet_backup_entry *entry;
    struct maqet_strings drives; /* names */
};

void maqet_restore_source_clear(struct maqet_restore_source *source);

#define _cleanup_restore_source_ _cleanup_(maqet_restore_source_clear)

/* Chooses the backup, and verifies it. MAQET_ERROR_STATE: it cannot be restored; the error says
 * why, and which others can. */
int maqet_restore_choose(const struct maqet_context *context,
                         const struct maqet_backup_restore *how,
                         struct maqet_restore_source *source, struct maqet_error **err);

/* Writes a drive of the backup to the image of @target, which is missing. MAQET_ERROR_STATE: the
 * backup has changed meanwhile. */
int maqet_restore_drive(const struct maqet_context *context,
                        const struct maqet_restore_source *source, const char *name,
                        const struct maqet_drive *target,
                        const struct maqet_image_recorder *recorder,
                        struct maqet_error **err);

/* Restores drives of a machine, which must not run. Reports progress. */
int maqet_backup_restore(const struct maqet_context *context,
                         const struct maqet_backup_restore *how, const char *name_or_uuid,
                         struct maqet_restored *restored, struct maqet_error **err);

#endif
