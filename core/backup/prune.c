/* SPDX-License-Identifier: MIT */
/*
 * prune.c - first goes what nothing stands on, which frees space; then the increments that stay
 * are merged, from the oldest on, so each is moved once.
 */
#include "core/backup/prune.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backup/place.h"
#include "core/backup/prune_merge.h"
#include "core/backup/prune_plan.h"
#include "core/backup/verify.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/removal.h"
#include "core/storage/space.h"

void
maqet_backup_pruned_clear(struct maqet_backup_pruned_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].vm);
        free(list->items[i].id);
        free(list->items[i].reason);
    }
    free(list->items);
    *list = (struct maqet_backup_pruned_list){0};
}

/* ---- deleting ---- */

/* Deletes the folder of a backup, which loses its name first. */
static int
delete_folder(const struct maqet_catalog *catalog, const char *id,
              struct maqet_error **err)
{
    _cleanup_free_ char *above = maqet_backup_folder(catalog->folder, catalog->vm);
    _cleanup_free_ char *path = maqet_backup_path(catalog->folder, catalog->vm, id);
    _cleanup_free_ char *old = maqet_format("%s/.%s" MAQET_BACKUP_OLD, above, id);
    _cleanup_close_ int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || rename(path, old) < 0)
        return maqet_error_errno(err, errno, "Cannot delete %s", path);
    return maqet_dir_sync(fd, above, err) < 0 ? -1 : maqet_dir_remove(old, err);
}

/* Merges one increment with the oldest backup that is deleted, and is needed. Returns 1, or 0 if
 * nothing is left to merge with it. */
static int
merge_one(const struct maqet_context *context, struct maqet_catalog *catalog,
          const struct maqet_backup_entry *entry, struct maqet_error **err)
{
    for (size_t i = 0; i < entry->backup.drive_count; i++) {
        const char *drive = entry->backup.drives[i].name;
        _cleanup_strings_ struct maqet_strings children = MAQET_STRINGS_INIT;

        maqet_prune_children(catalog, &catalog->pruning.going, entry->id, drive,
                             &children);
        if (children.count == 0)
            continue;
        return maqet_prune_merge(context, catalog, entry->id, children.items[0], drive,
                                 children.count == 1, err) < 0 ||
                       maqet_prune_settle(catalog, err) < 0
                   ? -1
                   : 1;
    }
    return 0;
}

/* Does one step: deletes what is not needed, the newest first, or else merges. Returns 1, or 0
 * if nothing is left. */
static int
step(const struct maqet_context *context, struct maqet_catalog *catalog,
     struct maqet_error **err)
{
    const struct maqet_strings *going = &catalog->pruning.going;

    if (maqet_interrupt_check(err) < 0 || maqet_prune_settle(catalog, err) < 0)
        return -1;
    /* What was settled is read again. */
    if (catalog->pruning.count > 0)
        return 1;
    for (size_t i = going->count; i-- > 0;)
        if (maqet_catalog_find(catalog, going->items[i]) &&
            !maqet_prune_needs(catalog, going, going->items[i], NULL))
            return delete_folder(catalog, going->items[i], err) < 0 ? -1 : 1;
    for (size_t i = 0; i < going->count; i++) {
        const struct maqet_backup_entry *entry =
            maqet_catalog_find(catalog, going->items[i]);

        if (!entry)
            continue;
        if (entry->fault)
            return maqet_error_copy(err, entry->fault);
        return merge_one(context, catalog, entry, err);
    }
    return 0;
}

int
maqet_backup_prune_finish(const struct maqet_context *context, const char *folder,
                          const char *vm, struct maqet_error **err)
{
    static const struct maqet_pruning none;
    int result = 1;

    while (result > 0) {
        _cleanup_catalog_ struct maqet_catalog catalog = {0};
        _cleanup_pruning_ struct maqet_pruning pruning = {0};

        if (maqet_pruning_read(folder, vm, &pruning, err) < 0)
            return -1;
        if (pruning.going.count == 0)
            return 0;
        if (maqet_catalog_read(folder, vm, &catalog, err) < 0)
            return -1;
        result = step(context, &catalog, err);
    }
    if (result == 0)
        return maqet_pruning_write(folder, vm, &none, err);
    maqet_error_hint(err,
                     "What is kept can be restored. The next command that changes the "
                     "backups of VM '%s' continues",
                     vm);
    return -1;
}

/* Deletes them, unless a signal has come before the first. */
static int delete (const struct maqet_context *context,
                   const struct maqet_catalog *catalog, const struct maqet_strings *going,
                   struct maqet_error **err)
{
    const struct maqet_pruning pruning = {.going = *going};

    if (going->count == 0)
        return 0;
    if (maqet_interrupt_check(err) < 0)
        return -1;
    return maqet_pruning_write(catalog->folder, catalog->vm, &pruning, err) < 0
               ? -1
               : maqet_backup_prune_finish(context, catalog->folder, catalog->vm, err);
}

/* ---- before anything is merged ---- */

/* Whether an image is as it was written: else a merge would hide that it is damaged. */
static int
check_content(const struct maqet_context *context, const struct maqet_catalog *catalog,
              const char *id, const char *drive, struct maqet_error **err)
{
    const struct maqet_backup_entry *entry = maqet_catalog_find(catalog, id);
    const struct maqet_backup_drive *its = maqet_backup_drive(&entry->backup, drive);
    _cleanup_free_ char *path =
        maqet_format("%s/%s/%s/%s", catalog->folder, catalog->vm, id, its->file);
    _cleanup_free_ char *checksum = maqet_backup_checksum(context, path, err);

    if (!checksum || strcmp(checksum, its->checksum) == 0)
        return checksum ? 0 : -1;
    return maqet_error_set(
        err, MAQET_ERROR_STATE,
        "%s has changed since it was written, so it is not merged with "
        "another one",
        path);
}

static int
check_space(const struct maqet_catalog *catalog, uint64_t needed,
            struct maqet_error **err)
{
    uint64_t available;

    if (!maqet_space_available(catalog->folder, &available) || available >= needed)
        return 0;
    _cleanup_free_ char *wanted = maqet_text_bytes(needed);
    _cleanup_free_ char *there = maqet_text_bytes(available);
    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "Merging backups of VM '%s' takes up to %s for a time, and %s has %s",
                    catalog->vm, wanted, catalog->folder, there);
    return -1;
}

/* Whether increments can be merged with the images of a backup. *needed: the largest one. */
static int
check_merges(const struct maqet_context *context, const struct maqet_catalog *catalog,
             const struct maqet_strings *going, const char *id, uint64_t *needed,
             struct maqet_error **err)
{
    const struct maqet_backup_entry *entry = maqet_catalog_find(catalog, id);

    for (size_t i = 0; i < entry->backup.drive_count; i++) {
        const char *drive = entry->backup.drives[i].name;
        _cleanup_strings_ struct maqet_strings children = MAQET_STRINGS_INIT;

        maqet_prune_children(catalog, going, id, drive, &children);
        if (children.count > 0 && check_content(context, catalog, id, drive, err) < 0)
            return -1;
        for (size_t j = 0; j < children.count; j++) {
            const char *child = children.items[j];
            uint64_t bytes;

            if (maqet_prune_used(context, catalog, child, drive, &bytes, err) < 0 ||
                (!maqet_strings_has(going, child) &&
                 check_content(context, catalog, child, drive, err) < 0))
                return -1;
            if (bytes > *needed)
                *needed = bytes;
        }
    }
    return 0;
}

/* ---- all of it ---- */

static uint64_t
size_on_disk(const struct maqet_catalog *catalog, const struct maqet_backup_entry *entry)
{
    uint64_t size = 0;
    struct stat status;

    for (size_t i = 0; !entry->fault && i < entry->backup.drive_count; i++) {
        _cleanup_free_ char *path =
            maqet_format("%s/%s/%s/%s", catalog->folder, catalog->vm, entry->id,
                         entry->backup.drives[i].file);

        if (lstat(path, &status) == 0)
            size += (uint64_t)status.st_blocks * 512;
    }
    return size;
}

/* Tells what is done with each. */
static void
tell(const struct maqet_catalog *catalog, const struct maqet_strings *going,
     char *const *reasons, struct maqet_backup_pruned_list *list)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const struct maqet_backup_entry *entry = &catalog->items[i];
        bool deleted = maqet_strings_has(going, entry->id);

        *MAQET_APPEND(list->items, list->count) = (struct maqet_backup_pruned){
            .vm = maqet_strdup(catalog->vm),
            .id = maqet_strdup(entry->id),
            .date = entry->fault ? 0 : entry->backup.date,
            .size = size_on_disk(catalog, entry),
            .deleted = deleted,
            .merged = deleted && maqet_prune_needs(catalog, going, entry->id, NULL),
            .reason = maqet_strdup(reasons[i]),
        };
    }
}

/* First those that nothing stands on, and then those to merge: if that cannot be done, they are
 * left as they are. */
static int
prune(const struct maqet_context *context, const struct maqet_catalog *catalog,
      const struct maqet_strings *going, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings free_ones = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings merged = MAQET_STRINGS_INIT;
    uint64_t needed = 0;

    for (size_t i = 0; i < going->count; i++)
        maqet_strings_add(maqet_prune_needs(catalog, going, going->items[i], NULL)
                              ? &merged
                              : &free_ones,
                          going->items[i]);
    if (delete (context, catalog, &free_ones, err) < 0)
        return -1;
    for (size_t i = 0; i < merged.count; i++)
        if (check_merges(context, catalog, going, merged.items[i], &needed, err) < 0)
            return -1;
    return check_space(catalog, needed, err) < 0
               ? -1
               : delete (context, catalog, &merged, err);
}

int
maqet_backup_prune(const struct maqet_context *context, const char *folder,
                   const char *vm, const struct maqet_backup_prune *how,
                   struct maqet_backup_pruned_list *list, struct maqet_error **err)
{
    _cleanup_catalog_ struct maqet_catalog catalog = {0};
    _cleanup_strings_ struct maqet_strings going = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings reasons = MAQET_STRINGS_INIT;
    _cleanup_close_ int lock = -1;

    if (!how->dry_run) {
        lock = maqet_backup_lock(context, folder, vm, false, err);
        if (lock < 0 || maqet_backup_prune_finish(context, folder, vm, err) < 0 ||
            maqet_backup_sweep(folder, vm, err) < 0)
            return -1;
    }
    if (maqet_catalog_read(folder, vm, &catalog, err) < 0)
        return -1;
    reasons.items = maqet_alloc((catalog.count + 1) * sizeof(char *));
    reasons.count = catalog.count;
    if (maqet_prune_choose(&catalog, how->keep, &going, reasons.items, err) < 0)
        return -1;
    tell(&catalog, &going, reasons.items, list);
    return how->dry_run ? 0 : prune(context, &catalog, &going, err);
}
