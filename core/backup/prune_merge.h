/* SPDX-License-Identifier: MIT */
/*
 * prune_merge.h - merges an increment that stays with the image of a deleted backup below it.
 *
 * Downwards, what the increment holds is written into the image below, which then gets the
 * increment's name: so what stands on the increment finds it as before. Upwards, the increment
 * gets what the image below holds. Either way it shows the same at any time, and what is complete
 * is recorded (pruning.h) before it is renamed, or the manifest changed.
 */
#ifndef MAQET_BACKUP_PRUNE_MERGE_H
#define MAQET_BACKUP_PRUNE_MERGE_H

#include "core/backup/catalog.h"

/* Merges the image of a drive in the backup @upper with that in @below, on which it stands, and
 * records it. @alone: nothing else that is needed stands on that. */
int maqet_prune_merge(const struct maqet_context *context, struct maqet_catalog *catalog,
                      const char *below, const char *upper, const char *drive, bool alone,
                      struct maqet_error **err);

/* Puts what is recorded in place: the images and the manifests. */
int maqet_prune_settle(struct maqet_catalog *catalog, struct maqet_error **err);

/* How much an increment holds, in bytes, which the image below may grow by. */
int maqet_prune_used(const struct maqet_context *context,
                     const struct maqet_catalog *catalog, const char *upper,
                     const char *drive, uint64_t *bytes, struct maqet_error **err);

#endif
