/* SPDX-License-Identifier: MIT */
/*
 * restore_new.h - a new VM from a backup, also where the VM that was backed up never existed.
 */
#ifndef MAQET_BACKUP_RESTORE_NEW_H
#define MAQET_BACKUP_RESTORE_NEW_H

#include "core/backup/restore.h"

/*
 * Adds the VM @name with the definition of the backup, but a UUID and MAC address of its own,
 * and with its drives in @folder, which is created. Drives that are not restored are left out,
 * except those that the guest only reads, and shares. Reports progress.
 *
 * The VM exists when all is complete. What is interrupted before leaves at most the folder,
 * whose images the next call for it removes.
 */
int maqet_backup_restore_new(const struct maqet_context *context,
                             const struct maqet_backup_restore *how, const char *name,
                             const char *folder, struct maqet_restored *restored,
                             struct maqet_error **err);

#endif
