/* SPDX-License-Identifier: MIT */
/*
 * catalog.h - the backups of a VM in a folder, as they are found there: complete or not,
 * readable or not. Nothing is changed, and no VM is needed.
 */
#ifndef MAQET_BACKUP_CATALOG_H
#define MAQET_BACKUP_CATALOG_H

#include "core/backup/manifest.h"
#include "core/backup/pruning.h"

struct maqet_backup_entry {
    char *id;
    struct maqet_backup backup;
    struct maqet_error *fault; /* why its manifest cannot be used; NULL: it can */
    bool going;                /* it is being deleted (pruning.h) */
    const char *growing; /* the drive whose image is being merged with the one below it; NULL:
                          * none */
};

struct maqet_catalog {
    char *folder;
    char *vm;
    struct maqet_backup_entry *items; /* the oldest first */
    size_t count;
    struct maqet_strings unfinished; /* folders that a killed maqet has left, as paths */
    struct maqet_pruning pruning;
};

void maqet_catalog_clear(struct maqet_catalog *catalog);

#define _cleanup_catalog_ _cleanup_(maqet_catalog_clear)

/* Reads it. MAQET_ERROR_MISSING: there are no backups of the VM in the folder. */
int maqet_catalog_read(const char *folder, const char *vm, struct maqet_catalog *catalog,
                       struct maqet_error **err);

/* The backup of that ID; NULL: there is none. */
const struct maqet_backup_entry *maqet_catalog_find(const struct maqet_catalog *catalog,
                                                    const char *id);

/* The same, with an error that names those that there are. */
const struct maqet_backup_entry *maqet_catalog_get(const struct maqet_catalog *catalog,
                                                   const char *id,
                                                   struct maqet_error **err);

/* ---- the images of a drive in a backup ---- */

/* One of them. */
struct maqet_backup_link {
    const struct maqet_backup_entry *entry;
    const struct maqet_backup_drive *drive;
    char *path;
};

/* The full one, and then the increments, of which each stands on the one before. */
struct maqet_backup_links {
    struct maqet_backup_link *items;
    size_t count;
};

void maqet_backup_links_clear(struct maqet_backup_links *links);

#define _cleanup_backup_links_ _cleanup_(maqet_backup_links_clear)

/* Finds them. MAQET_ERROR_MISSING: one is missing. */
int maqet_catalog_links(const struct maqet_catalog *catalog,
                        const struct maqet_backup_entry *entry,
                        const struct maqet_backup_drive *drive,
                        struct maqet_backup_links *links, struct maqet_error **err);

/* Whether it is being merged, so that its size and checksum are not those of the manifest. */
bool maqet_backup_link_changes(const struct maqet_backup_link *link);

/* What a quick look finds wrong with an image, without reading it: a sentence, or NULL. The
 * caller frees. */
char *maqet_backup_link_fault(const struct maqet_backup_link *link);

/* Adds what a quick look finds wrong with a backup, and with those that it stands on, as
 * sentences. Without any, it can be restored as far as can be told. */
void maqet_catalog_faults(const struct maqet_catalog *catalog,
                          const struct maqet_backup_entry *entry,
                          struct maqet_strings *faults);

#endif
