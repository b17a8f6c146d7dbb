/* SPDX-License-Identifier: MIT */
/*
 * site.h - where the backups of a machine are, while another one is created there; and what
 * an increment can stand on.
 */
#ifndef MAQET_BACKUP_SITE_H
#define MAQET_BACKUP_SITE_H

#include "core/backup/manifest.h"
#include "core/machine/opened.h"

struct maqet_backup_site {
    const struct maqet_context *context;
    char *folder; /* absolute */
    char *vm;
    int lock;
    struct maqet_strings ids; /* of what is there */
    char *chain;
};

/* Locks it, created if it is missing, and removes what is not complete. MAQET_ERROR_EXISTS: what
 * is there belongs to another machine of that name. */
int maqet_site_open(const struct maqet_context *context, const char *folder,
                    const struct maqet_definition *definition,
                    struct maqet_backup_site *site, struct maqet_error **err);

void maqet_site_clear(struct maqet_backup_site *site);

#define _cleanup_site_ _cleanup_(maqet_site_clear)

/* What an increment stands on. */
struct maqet_backup_base {
    char *id;
    char *name;   /* of its image, relative to the folder of another backup */
    char *format; /* a storage plugin */
    char *bitmap; /* says what has changed since */
    char *below;  /* maqet_site_below() at that time */
};

void maqet_base_clear(struct maqet_backup_base *base);

/* The last backup that a drive is in, if an increment of its @size bytes can stand on that: all
 * images below it are as they were. *why: why not, a phrase; the caller frees. Whether its bitmap is
 * usable is not known. */
int maqet_site_find_base(const struct maqet_backup_site *site,
                         const struct maqet_drive *drive, uint64_t size,
                         struct maqet_backup_base *base, char **why,
                         struct maqet_error **err);

/* What tells the files that a drive stands on from others, for the manifest: a bitmap records
 * what is written to the topmost one only. NULL: it stands on none; the caller frees. */
char *maqet_site_below(const struct maqet_drive *drive);

/* The name of the bitmap of the last backup that a drive is in; NULL: it is in none. The
 * caller frees. */
char *maqet_site_last_bitmap(const struct maqet_backup_site *site, const char *drive);

#endif
