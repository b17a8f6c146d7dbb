/* SPDX-License-Identifier: MIT */
/*
 * place.h - the folder of a VM's backups: its lock, and who can write to it. Whoever can may put other files in the
 * place of those that we use, at any moment. A file system without modes, such as a disk for
 * other systems, lets all write to it or nobody, as it was mounted, so it is used nevertheless.
 */
#ifndef MAQET_BACKUP_PLACE_H
#define MAQET_BACKUP_PLACE_H

#include "core/base/context.h"

/* Locks a VM's backups, so that nobody else creates or deletes any; waits
 * context->lock_timeout. With @creates, their folder is created if it is missing. A descriptor,
 * whose closing releases the lock, or -1. MAQET_ERROR_PERMISSION: others can write to the folder
 * or to a backup in it. Warns if they could put another folder in its place, or if the file system
 * has no modes, or changes the owners of files. */
int maqet_backup_lock(const struct maqet_context *context, const char *folder,
                      const char *vm, bool creates, struct maqet_error **err);

/* Warns of what maqet_backup_lock() refuses or warns of, where nothing is changed. */
void maqet_backup_place_warn(const struct maqet_context *context, const char *folder,
                             const char *vm);

#endif
