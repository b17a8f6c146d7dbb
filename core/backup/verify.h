/* SPDX-License-Identifier: MIT */
/*
 * verify.h - whether backups can be restored: all images that they consist of are there, have
 * the recorded sizes and checksums, name each other as the manifests do, and are not damaged.
 */
#ifndef MAQET_BACKUP_VERIFY_H
#define MAQET_BACKUP_VERIFY_H

#include "core/backup/catalog.h"

/* What is verified; checksums and damage need all images to be read. */
struct maqet_backup_verify {
    bool checksums;
    bool damage; /* by the plugins */
};

/* What is known of images that were looked at, so that each is read once. */
struct maqet_verified {
    struct maqet_verified_image {
        char *path;
        struct maqet_strings faults;
    } * items;
    size_t count;
};

void maqet_verified_clear(struct maqet_verified *verified);

#define _cleanup_verified_ _cleanup_(maqet_verified_clear)

/* Adds what is wrong with a backup, as sentences: without any, it can be restored. Of @drives
 * only; NULL: of all. Reports progress. Returns -1 only if it was interrupted. */
int maqet_backup_verify(const struct maqet_context *context,
                        const struct maqet_catalog *catalog,
                        const struct maqet_backup_entry *entry,
                        const struct maqet_strings *drives,
                        const struct maqet_backup_verify *how,
                        struct maqet_verified *verified, struct maqet_strings *faults,
                        struct maqet_error **err);

/* The checksum of an image. Reports progress, and ends when a signal asks for it. The caller
 * frees; NULL on error. */
char *maqet_backup_checksum(const struct maqet_context *context, const char *path,
                            struct maqet_error **err);

#endif
