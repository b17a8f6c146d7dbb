/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - QEMU copies drives, as they are at one moment, to the images of a backup.
 * After a failure, what is left in QEMU and in the folder is removed by maqet_target_cancel()
 * and with the folder.
 */
#ifndef MAQET_BACKUP_TRANSFER_H
#define MAQET_BACKUP_TRANSFER_H

#include "core/backup/choice.h"
#include "core/backup/site.h"

struct maqet_transfer {
    struct maqet_opened *machine; /* with a QEMU */
    const struct maqet_backup_site *site;
    const char *folder; /* of the new backup, which exists */
    const char *id;
    bool incremental;
    bool compress;
    int64_t speed;          /* bytes a second; 0: no limit */
    int64_t freeze_timeout; /* ms; negative: not frozen */
    struct maqet_transferred {
        const struct maqet_drive *drive;
        struct maqet_drive *target;    /* NULL: not created */
        struct maqet_backup_base base; /* what it stands on; all NULL: nothing */
        char *last;                    /* the bitmap of the last backup; NULL: none */
    } * items;
    size_t count;
};

void maqet_transfer_clear(struct maqet_transfer *transfer);

#define _cleanup_transfer_ _cleanup_(maqet_transfer_clear)

/* Decides for each drive what its image stands on, creates the images, and has QEMU record what is
 * written from now on. @backup gets its drives. */
int maqet_transfer_prepare(struct maqet_transfer *transfer,
                           const struct maqet_backup_choice *choice,
                           struct maqet_backup *backup, struct maqet_error **err);

/* Copies, and has QEMU close the images. */
int maqet_transfer_run(struct maqet_transfer *transfer, struct maqet_error **err);

/* When the backup is complete: what was recorded since the last one is not needed any more. */
void maqet_transfer_settle(struct maqet_transfer *transfer);

#endif
