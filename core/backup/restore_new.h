/* SPDX-License-Identifier: MIT */
/*
 * restore_new.h - a new VM from a backup, also where the VM that was backed up never existed.
 */
#ifndef MAQET_BACKUP_RESTORE_NEW_H
#define MAQET_BACKUP_RESTORE_NEW_H

#include "core/backup/restore.h"
#include "core/job/kind.h"

/*
 * Adds the VM @name with the definition of the backup, but a UUID and MAC address of its own,
 * and with its drives in @folder, which is created. Drives that are not restored are left out,
 * except those that the guest only reads, and shares. While the VM that was backed up exists, the
 * new one gets other forwarded ports, and says which. Reports progress.
 *
 * Like a clone, it is stored with its job, before it has an image: it cannot be started before it is
 * complete, and what is interrupted is removed by the next command that opens it.
 */
int maqet_backup_restore_new(const struct maqet_context *context,
                             const struct maqet_backup_restore *how, const char *name,
                             const char *folder, struct maqet_restored *restored,
                             struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_restore_new;

#endif
