/* SPDX-License-Identifier: MIT */
#include "core/backup/prune_plan.h"

#include <string.h>

/* ---- what stands on what ---- */

/* The backup that the image of a drive in another one stands on; NULL: none, or it is missing. */
static const struct maqet_backup_entry *
base_of(const struct maqet_catalog *catalog, const struct maqet_backup_entry *entry,
        const char *drive)
{
    const struct maqet_backup_drive *its =
        entry->fault ? NULL : maqet_backup_drive(&entry->backup, drive);

    return its && its->base ? maqet_catalog_find(catalog, its->base) : NULL;
}

/* Whether the image of a drive in one backup stands on that in another one, directly or not. */
static bool
stands_on(const struct maqet_catalog *catalog, const struct maqet_backup_entry *entry,
          const char *drive, const char *id)
{
    while ((entry = base_of(catalog, entry, drive)))
        if (strcmp(entry->id, id) == 0)
            return true;
    return false;
}

/* Whether any image in a backup does. */
static bool
any_stands_on(const struct maqet_catalog *catalog, const struct maqet_backup_entry *entry,
              const char *id, const char *drive)
{
    for (size_t i = 0; !entry->fault && i < entry->backup.drive_count; i++) {
        const char *name = entry->backup.drives[i].name;

        if ((!drive || strcmp(name, drive) == 0) && stands_on(catalog, entry, name, id))
            return true;
    }
    return false;
}

bool
maqet_prune_needs(const struct maqet_catalog *catalog, const struct maqet_strings *going,
                  const char *id, const char *drive)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (!maqet_strings_has(going, catalog->items[i].id) &&
            any_stands_on(catalog, &catalog->items[i], id, drive))
            return true;
    return false;
}

void
maqet_prune_children(const struct maqet_catalog *catalog,
                     const struct maqet_strings *going, const char *id, const char *drive,
                     struct maqet_strings *children)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const struct maqet_backup_entry *entry = &catalog->items[i];
        const struct maqet_backup_entry *base = base_of(catalog, entry, drive);

        if (base && strcmp(base->id, id) == 0 &&
            (!maqet_strings_has(going, entry->id) ||
             maqet_prune_needs(catalog, going, entry->id, drive)))
            maqet_strings_add(children, entry->id);
    }
}

/* ---- the choice ---- */

/* Whether each backup can be restored, as far as a quick look tells. */
static void
look(const struct maqet_catalog *catalog, bool *sound)
{
    for (size_t i = 0; i < catalog->count; i++) {
        _cleanup_strings_ struct maqet_strings faults = MAQET_STRINGS_INIT;

        maqet_catalog_faults(catalog, &catalog->items[i], &faults);
        sound[i] = faults.count == 0 && !catalog->items[i].going;
    }
}

/* The index of the oldest one that counts; the catalog's count if there are not enough. */
static size_t
find_oldest(const struct maqet_catalog *catalog, const bool *sound, uint64_t keep)
{
    uint64_t found = 0;

    for (size_t i = catalog->count; i-- > 0;)
        if (sound[i] && ++found == keep)
            return i;
    return catalog->count;
}

/* What a backup stands on whose manifest cannot be read is not known. */
static int
check_readable(const struct maqet_catalog *catalog, size_t oldest,
               struct maqet_error **err)
{
    for (size_t i = 1; i < catalog->count; i++) {
        const struct maqet_backup_entry *entry = &catalog->items[i];

        if (!entry->fault || oldest == 0)
            continue;
        maqet_error_set(
            err, MAQET_ERROR_STATE,
            "The backup %s of VM '%s' cannot be read, and it may stand on those "
            "that would be deleted: %s",
            entry->id, catalog->vm, entry->fault->message);
        maqet_error_hint(err,
                         "Restore its manifest from a copy of the folder, or move the "
                         "folder %s/%s/%s elsewhere",
                         catalog->folder, catalog->vm, entry->id);
        return -1;
    }
    return 0;
}

/* Whether a damaged backup stands on another one, with at most damaged ones between: what stands
 * on one that stays and is sound keeps that. */
static bool
needs_damaged(const struct maqet_catalog *catalog, const bool *sound,
              const struct maqet_backup_entry *entry, const char *id)
{
    for (size_t i = 0; !entry->fault && i < entry->backup.drive_count; i++) {
        const char *drive = entry->backup.drives[i].name;

        for (const struct maqet_backup_entry *base = base_of(catalog, entry, drive); base;
             base = base_of(catalog, base, drive)) {
            if (strcmp(base->id, id) == 0)
                return true;
            if (sound[base - catalog->items])
                break;
        }
    }
    return false;
}

/* The damaged backup, newer than the oldest one that counts, that needs another one. */
static const char *
damaged_on(const struct maqet_catalog *catalog, const bool *sound, size_t oldest,
           const char *id)
{
    for (size_t i = oldest; i < catalog->count; i++)
        if (!sound[i] && needs_damaged(catalog, sound, &catalog->items[i], id))
            return catalog->items[i].id;
    return NULL;
}

int
maqet_prune_choose(const struct maqet_catalog *catalog, uint64_t keep,
                   struct maqet_strings *going, char **reasons, struct maqet_error **err)
{
    _cleanup_free_ bool *sound = maqet_alloc(catalog->count * sizeof(*sound) + 1);

    look(catalog, sound);
    size_t oldest = find_oldest(catalog, sound, keep);
    if (oldest < catalog->count && check_readable(catalog, oldest, err) < 0)
        return -1;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct maqet_backup_entry *entry = &catalog->items[i];

        if (oldest == catalog->count || i >= oldest) {
            if (!sound[i])
                reasons[i] = maqet_strdup("it is damaged, so it does not count");
            continue;
        }
        const char *damaged = damaged_on(catalog, sound, oldest, entry->id);
        if (entry->fault)
            reasons[i] = maqet_strdup("its manifest cannot be read");
        else if (damaged)
            reasons[i] = maqet_format("the damaged backup %s stands on it", damaged);
        else
            maqet_strings_add(going, entry->id);
    }
    return 0;
}
