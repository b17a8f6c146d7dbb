/* SPDX-License-Identifier: MIT */
#include "core/backup/catalog.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"

/* ---- reading ---- */

void
maqet_catalog_clear(struct maqet_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->items[i].id);
        maqet_backup_clear(&catalog->items[i].backup);
        maqet_error_free(catalog->items[i].fault);
    }
    free(catalog->items);
    free(catalog->folder);
    free(catalog->vm);
    maqet_strings_clear(&catalog->unfinished);
    maqet_pruning_clear(&catalog->pruning);
    *catalog = (struct maqet_catalog){0};
}

static void
read_entry(struct maqet_catalog *catalog, const char *id)
{
    struct maqet_backup_entry *entry = MAQET_APPEND(catalog->items, catalog->count);

    entry->id = maqet_strdup(id);
    entry->going = maqet_strings_has(&catalog->pruning.going, id);
    if (catalog->pruning.growing && strcmp(catalog->pruning.growing, id) == 0)
        entry->growing = catalog->pruning.growing_drive;
    if (maqet_backup_read(catalog->folder, catalog->vm, id, &entry->backup,
                          &entry->fault) == 0)
        maqet_pruning_apply(&catalog->pruning, catalog->folder, catalog->vm,
                            &entry->backup);
}

/* Whether a name is that of a folder which was being created or deleted. */
static bool
is_unfinished(const char *name)
{
    const char *suffix = strstr(name, ".maqet-");
    _cleanup_free_ char *id = name[0] == '.' && suffix > name
                                  ? maqet_strndup(name + 1, (size_t)(suffix - name) - 1)
                                  : NULL;

    return id && maqet_backup_is_id(id) &&
           (strcmp(suffix, MAQET_BACKUP_NEW) == 0 ||
            strcmp(suffix, MAQET_BACKUP_OLD) == 0);
}

static int
error_none(const char *folder, const char *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings vms = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There are no backups of VM '%s' in %s", vm,
                    folder);
    if (maqet_backup_vms(folder, &vms, NULL) == 0 && vms.count > 0)
        maqet_error_hint_names(err, vm, &vms);
    return -1;
}

int
maqet_catalog_read(const char *folder, const char *vm, struct maqet_catalog *catalog,
                   struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    *catalog = (struct maqet_catalog){0};
    if (!maqet_vm_name_valid(vm))
        return error_none(folder, vm, err);
    if (maqet_dir_list(path, &names, err) < 0)
        return -1;
    catalog->folder = maqet_strdup(folder);
    catalog->vm = maqet_strdup(vm);
    if (maqet_pruning_read(folder, vm, &catalog->pruning, err) < 0) {
        maqet_catalog_clear(catalog);
        return -1;
    }
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *whole = maqet_format("%s/%s", path, names.items[i]);

        if (maqet_backup_is_id(names.items[i]) &&
            maqet_backup_is_there(folder, vm, names.items[i]))
            read_entry(catalog, names.items[i]);
        else if (is_unfinished(names.items[i]))
            maqet_strings_take(&catalog->unfinished, TAKE_PTR(whole));
    }
    if (catalog->count > 0 || catalog->unfinished.count > 0)
        return 0;
    maqet_catalog_clear(catalog);
    return error_none(folder, vm, err);
}

const struct maqet_backup_entry *
maqet_catalog_find(const struct maqet_catalog *catalog, const char *id)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->items[i].id, id) == 0)
            return &catalog->items[i];
    return NULL;
}

const struct maqet_backup_entry *
maqet_catalog_get(const struct maqet_catalog *catalog, const char *id,
                  struct maqet_error **err)
{
    const struct maqet_backup_entry *entry = maqet_catalog_find(catalog, id);
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;

    if (entry)
        return entry;
    for (size_t i = 0; i < catalog->count; i++)
        maqet_strings_add(&ids, catalog->items[i].id);
    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no backup '%s' of VM '%s' in %s",
                    id, catalog->vm, catalog->folder);
    maqet_error_hint_names(err, id, &ids);
    return NULL;
}

/* ---- the images of a drive in a backup ---- */

void
maqet_backup_links_clear(struct maqet_backup_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        free(links->items[i].path);
    free(links->items);
    *links = (struct maqet_backup_links){0};
}

static void
add_link(const struct maqet_catalog *catalog, const struct maqet_backup_entry *entry,
         const struct maqet_backup_drive *drive, struct maqet_backup_links *links)
{
    *MAQET_APPEND(links->items, links->count) = (struct maqet_backup_link){
        .entry = entry,
        .drive = drive,
        .path = maqet_format("%s/%s/%s/%s", catalog->folder, catalog->vm, entry->id,
                             drive->file),
    };
}

static void
reverse(struct maqet_backup_links *links)
{
    for (size_t i = 0; i < links->count / 2; i++) {
        struct maqet_backup_link *other = &links->items[links->count - 1 - i];
        struct maqet_backup_link link = links->items[i];

        links->items[i] = *other;
        *other = link;
    }
}

int
maqet_catalog_links(const struct maqet_catalog *catalog,
                    const struct maqet_backup_entry *entry,
                    const struct maqet_backup_drive *drive,
                    struct maqet_backup_links *links, struct maqet_error **err)
{
    const char *name = drive->name;

    *links = (struct maqet_backup_links){0};
    add_link(catalog, entry, drive, links);
    /* A base is always older (manifest.h), so this ends. */
    while (drive->base) {
        const struct maqet_backup_entry *base = maqet_catalog_find(catalog, drive->base);
        const struct maqet_backup_drive *its =
            base && !base->fault ? maqet_backup_drive(&base->backup, name) : NULL;

        if (!its) {
            maqet_error_set(err, MAQET_ERROR_MISSING,
                            "The image of drive '%s' in the backup %s stands on that in "
                            "the backup %s, %s",
                            name, entry->id, drive->base,
                            !base         ? "which is missing"
                            : base->fault ? "whose manifest cannot be read"
                                          : "which has no such drive");
            maqet_backup_links_clear(links);
            return -1;
        }
        entry = base;
        drive = its;
        add_link(catalog, entry, drive, links);
    }
    reverse(links);
    return 0;
}

bool
maqet_backup_link_changes(const struct maqet_backup_link *link)
{
    const char *growing = link->entry->growing;

    return link->entry->going || (growing && strcmp(growing, link->drive->name) == 0);
}

char *
maqet_backup_link_fault(const struct maqet_backup_link *link)
{
    struct stat status;

    if (lstat(link->path, &status) < 0)
        return errno == ENOENT
                   ? maqet_format("%s is missing", link->path)
                   : maqet_format("%s cannot be read: %s", link->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return maqet_format("%s is not a regular file", link->path);
    if (!maqet_backup_link_changes(link) && (uint64_t)status.st_size != link->drive->size)
        return maqet_format("%s has %lld bytes instead of %llu", link->path,
                            (long long)status.st_size,
                            (unsigned long long)link->drive->size);
    return NULL;
}

static void
add_fault(struct maqet_strings *faults, const char *fault)
{
    if (!maqet_strings_has(faults, fault))
        maqet_strings_add(faults, fault);
}

void
maqet_catalog_faults(const struct maqet_catalog *catalog,
                     const struct maqet_backup_entry *entry, struct maqet_strings *faults)
{
    if (entry->fault) {
        add_fault(faults, entry->fault->message);
        return;
    }
    for (size_t i = 0; i < entry->backup.drive_count; i++) {
        _cleanup_backup_links_ struct maqet_backup_links links = {0};
        _cleanup_error_ struct maqet_error *error = NULL;

        if (maqet_catalog_links(catalog, entry, &entry->backup.drives[i], &links,
                                &error) < 0)
            add_fault(faults, error->message);
        for (size_t j = 0; j < links.count; j++) {
            _cleanup_free_ char *fault = maqet_backup_link_fault(&links.items[j]);

            if (fault)
                add_fault(faults, fault);
        }
    }
}
