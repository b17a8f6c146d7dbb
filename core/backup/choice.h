/* SPDX-License-Identifier: MIT */
/*
 * choice.h - the drives that a backup is of: those that the user names, or all that can be in
 * one. The others are named with the reason.
 */
#ifndef MAQET_BACKUP_CHOICE_H
#define MAQET_BACKUP_CHOICE_H

#include "core/backup/manifest.h"
#include "core/machine/opened.h"

struct maqet_backup_choice {
    const struct maqet_drive **drives; /* of the machine's definition */
    size_t count;
};

void maqet_backup_choice_clear(struct maqet_backup_choice *choice);

#define _cleanup_backup_choice_ _cleanup_(maqet_backup_choice_clear)

/* Chooses the drives with these names (NULL or empty: all). @backup gets those that are skipped.
 * MAQET_ERROR_UNSUPPORTED: a drive that is named cannot be in a backup, or none can. */
int maqet_backup_choose(struct maqet_opened *machine, const struct maqet_strings *names,
                        struct maqet_backup_choice *choice, struct maqet_backup *backup,
                        struct maqet_error **err);

#endif
