/* SPDX-License-Identifier: MIT */
/*
 * prune.h - deletes the oldest backups of a VM, so that a number of them stays. An increment that
 * stays and stands on what is deleted is merged with it first, so exactly the chosen ones remain.
 */
#ifndef MAQET_BACKUP_PRUNE_H
#define MAQET_BACKUP_PRUNE_H

#include "core/backup/catalog.h"

struct maqet_backup_prune {
    uint64_t keep; /* how many that can be restored stay; 1 at least */
    bool dry_run;  /* only the plan */
};

/* What is done with one backup. */
struct maqet_backup_pruned {
    char *vm;
    char *id;
    int64_t date;  /* s since 1970; 0: not known */
    uint64_t size; /* bytes that its images take up on the disk */
    bool deleted;  /* it is, or with @dry_run would be */
    bool merged;   /* as increments that stay stand on it */
    char *reason;  /* why it stays although it does not count; NULL: it counts */
};

struct maqet_backup_pruned_list {
    struct maqet_backup_pruned *items;
    size_t count;
};

void maqet_backup_pruned_clear(struct maqet_backup_pruned_list *list);

#define _cleanup_backup_pruned_ _cleanup_(maqet_backup_pruned_clear)

/*
 * Deletes a VM's backups but for the last @how->keep that can be restored, as a quick look
 * tells; adds to @list what is done with each. What cannot be restored does not count: it is
 * deleted if it is older than those that stay. Reports progress.
 *
 * Whenever it is interrupted, every backup that stays can be restored, and
 * maqet_backup_prune_finish() continues.
 */
int maqet_backup_prune(const struct maqet_context *context, const char *folder,
                       const char *vm, const struct maqet_backup_prune *how,
                       struct maqet_backup_pruned_list *list, struct maqet_error **err);

/* Continues what was interrupted, if anything was. The caller has the lock of the backups. */
int maqet_backup_prune_finish(const struct maqet_context *context, const char *folder,
                              const char *vm, struct maqet_error **err);

#endif
