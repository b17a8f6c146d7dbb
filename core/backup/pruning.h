/* SPDX-License-Identifier: MIT */
/*
 * pruning.h - the record of backups that are being deleted, FOLDER/VM/.pruning.json: written
 * before the first image is changed, and removed when the last of them is gone.
 *
 * A backup that is deleted may hold what an increment that stays stands on. Its image is merged with
 * that increment, so its checksum means nothing from then on, and it is no backup any more; but
 * what stands on it shows the same at any time.
 */
#ifndef MAQET_BACKUP_PRUNING_H
#define MAQET_BACKUP_PRUNING_H

#include "core/backup/manifest.h"

/* An increment that was merged with the image below it, which its manifest may not say yet. */
struct maqet_pruned_image {
    char *id; /* of its backup */
    char *drive;
    char *below;      /* the backup that it stood on, which is deleted */
    char *below_file; /* the image in that, without a folder */
    bool
        replaced; /* the image below holds both, and takes its place; else it holds both itself */
    char *base; /* the backup that it stands on now; NULL: it is a full image */
    uint64_t size;
    int64_t modified; /* ns since 1970 */
    char *checksum;   /* "": not known, as its backup is deleted, too */
};

struct maqet_pruning {
    struct maqet_strings going; /* the IDs, the oldest first */
    struct maqet_pruned_image *images;
    size_t count;
    /* An increment that stays, and is being given what the image below it holds: what it
     * shows does not change, but its size and checksum do. NULL: there is none. */
    char *growing;
    char *growing_drive;
};

void maqet_pruning_clear(struct maqet_pruning *pruning);

#define _cleanup_pruning_ _cleanup_(maqet_pruning_clear)

/* Reads the record of a VM's backups, which is empty if there is none. */
int maqet_pruning_read(const char *folder, const char *vm, struct maqet_pruning *pruning,
                       struct maqet_error **err);

/* Writes it to the disk; an empty one is removed. */
int maqet_pruning_write(const char *folder, const char *vm,
                        const struct maqet_pruning *pruning, struct maqet_error **err);

/* Corrects a manifest by what is recorded. */
void maqet_pruning_apply(const struct maqet_pruning *pruning, const char *folder,
                         const char *vm, struct maqet_backup *backup);

/* Makes an image of a manifest what is recorded. False: it is that already. */
bool maqet_pruned_image_apply(const struct maqet_pruned_image *image,
                              struct maqet_backup *backup);

#endif
