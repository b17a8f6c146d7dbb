/* SPDX-License-Identifier: MIT */
/*
 * prune_plan.h - which backups are deleted when some are to stay, and what for: nothing is
 * changed.
 */
#ifndef MAQET_BACKUP_PRUNE_PLAN_H
#define MAQET_BACKUP_PRUNE_PLAN_H

#include "core/backup/catalog.h"

/* Whether an increment that stays stands on an image of a backup, directly or not; @drive NULL:
 * on any. Those that stay are all that are not @going. */
bool maqet_prune_needs(const struct maqet_catalog *catalog,
                       const struct maqet_strings *going, const char *id,
                       const char *drive);

/* The increments of a drive that stand on the image of a backup, and that stay or are needed
 * themselves: adds their IDs. */
void maqet_prune_children(const struct maqet_catalog *catalog,
                          const struct maqet_strings *going, const char *id,
                          const char *drive, struct maqet_strings *children);

/* Chooses the backups that are deleted, the oldest first; @reasons[i] gets why entry i stays
 * although it does not count (NULL: it counts, or is deleted). MAQET_ERROR_STATE: it cannot be
 * known what a damaged one stands on. */
int maqet_prune_choose(const struct maqet_catalog *catalog, uint64_t keep,
                       struct maqet_strings *going, char **reasons,
                       struct maqet_error **err);

#endif
