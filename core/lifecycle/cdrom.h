/* SPDX-License-Identifier: MIT */
/*
 * cdrom.h - changes the medium of a CD-ROM drive, whether the machine runs or not.
 */
#ifndef MAQET_LIFECYCLE_CDROM_H
#define MAQET_LIFECYCLE_CDROM_H

#include "core/base/context.h"
#include "core/job/kind.h"

struct maqet_cdrom {
    const char *drive;
    const char *file; /* that is inserted; NULL: what is in the drive is ejected */
    bool force;       /* even if the guest has locked the tray */
    int64_t timeout;  /* ms in which the guest must open a tray that it has locked */
};

/* Ejects what is in the drive, and inserts a file; the definitions change likewise.
 * *running: the guest sees it now. MAQET_ERROR_TIMEOUT: the guest has locked the tray. */
int maqet_vm_cdrom(const struct maqet_context *context, const char *name,
                   const struct maqet_cdrom *how, bool *running,
                   struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_cdrom;

#endif
