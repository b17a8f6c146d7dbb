/* SPDX-License-Identifier: MIT */
/*
 * create.h - creates a backup of a machine, running or stopped: of all drives at one moment.
 */
#ifndef MAQET_BACKUP_CREATE_H
#define MAQET_BACKUP_CREATE_H

#include "core/backup/manifest.h"
#include "core/job/kind.h"

struct maqet_backup_request {
    const char *vm;                     /* name or UUID */
    const char *folder;                 /* absolute */
    const struct maqet_strings *drives; /* NULL or empty: all that can be in a backup */
    bool incremental; /* only what has changed since the last one, where that is known */
    bool compress;
    int64_t speed; /* bytes a second that are copied at most; 0: no limit */
    int64_t
        freeze_timeout; /* ms to freeze the guest's file systems; negative: they are not */
    const char *version; /* of the program */
};

/* Creates it. *made gets its description; the caller clears it. MAQET_ERROR_FAILED: nothing is
 * left of it; the guest may have been paused meanwhile, and goes on. */
int maqet_backup_create(const struct maqet_context *context,
                        const struct maqet_backup_request *request,
                        struct maqet_backup *made, struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_backup;

#endif
