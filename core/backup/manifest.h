/* SPDX-License-Identifier: MIT */
/*
 * manifest.h - backups on the disk. Each is a folder, FOLDER/VM/ID/, with an image of each
 * drive and manifest.json, which describes them. A folder gets that name when all in it is
 * on the disk, so what has the name of a backup is complete.
 *
 * The ID is the time of the backup in UTC ("20261129T065302Z"), and later than those of all
 * others of the VM, so their order is that of their names. An increment holds what has
 * changed since another backup, whose image is its backing file: the name that it stores is
 * relative ("../20261128T065301Z/hdd.EXT"), so FOLDER/VM can be moved as a whole.
 *
 * Others may be able to write to the folder, so nothing that is read here leads out of it.
 */
#ifndef MAQET_BACKUP_MANIFEST_H
#define MAQET_BACKUP_MANIFEST_H

#include "core/base/context.h"
#include "core/machine/definition.h"
#include "core/machine/slots.h"

/* Suffixes of folders that are not complete: one that is being created, and one that is
 * being deleted, whose names are ".ID" and this. */
#define MAQET_BACKUP_NEW ".maqet-new"
#define MAQET_BACKUP_OLD ".maqet-old"

enum { MAQET_BACKUP_FORMAT = 1 };

struct maqet_backup {
    uint32_t format; /* of the manifest: 1 to MAQET_BACKUP_FORMAT */
    char *id;
    char *vm;
    char *uuid;
    char *chain;   /* the same in all backups in one place: 8 hexadecimal digits */
    int64_t date;  /* s since 1970 */
    char *version; /* of maqet */
    bool running;
    bool quiesced; /* the guest's file systems were frozen */

    struct maqet_backup_drive {
        char *name;
        char *type;       /* of the drive: a storage plugin */
        char *format;     /* of the image: a storage plugin */
        char *file;       /* the image, without a folder */
        bool incremental; /* it holds what has changed since @base */
        char *base;       /* the ID of the backup that it stands on; NULL: none */
        char *why;        /* why it is a full one nevertheless; NULL: it was to be */
        char *below; /* a checksum of what tells the files that the drive stood on from
                      * others; NULL: there were none, or an earlier maqet did not tell */
        uint64_t virtual_size;
        /* The image's file. */
        uint64_t size;
        int64_t modified; /* ns since 1970 */
        char *checksum;
    } * drives;
    size_t drive_count;

    /* Drives that are not in it. */
    struct maqet_backup_skipped {
        char *name;
        char *why; /* a phrase */
    } * skipped;
    size_t skipped_count;

    struct maqet_definition *definition; /* of the VM */
    struct maqet_slots slots;            /* where its drives are */
};

void maqet_backup_clear(struct maqet_backup *backup);

#define _cleanup_backup_ _cleanup_(maqet_backup_clear)

/* The drive of that name; NULL: it is not in the backup. */
const struct maqet_backup_drive *maqet_backup_drive(const struct maqet_backup *backup,
                                                    const char *name);

/* ---- folders ---- */

/* The folder of a VM's backups, of one of them, and of one that is being created. The caller
 * frees. */
char *maqet_backup_folder(const char *folder, const char *vm);
char *maqet_backup_path(const char *folder, const char *vm, const char *id);
char *maqet_backup_new_path(const char *folder, const char *vm, const char *id);

/* Whether a text is an ID. */
bool maqet_backup_is_id(const char *text);

/* Whether there is a folder of that name. A link is none: it could lead to anything. */
bool maqet_backup_is_there(const char *folder, const char *vm, const char *id);

/* The ID of a backup that is created at a time (s since 1970), after those of the list. The
 * caller frees. */
char *maqet_backup_next_id(const struct maqet_strings *ids, int64_t now);

/* The IDs of a VM's backups, the oldest first. */
int maqet_backup_ids(const char *folder, const char *vm, struct maqet_strings *ids,
                     struct maqet_error **err);

/* The names of the VMs that have backups in a folder. */
int maqet_backup_vms(const char *folder, struct maqet_strings *vms,
                     struct maqet_error **err);

/* Removes folders that are not complete. The caller has the lock. */
int maqet_backup_sweep(const char *folder, const char *vm, struct maqet_error **err);

/* ---- manifests ---- */

/* Reads the manifest of a backup. MAQET_ERROR_MISSING names the existing ones;
 * MAQET_ERROR_FAILED: it is damaged; MAQET_ERROR_UNSUPPORTED: a later maqet wrote it. */
int maqet_backup_read(const char *folder, const char *vm, const char *id,
                      struct maqet_backup *backup, struct maqet_error **err);

/* Writes it to the disk, into a folder that has the images already. */
int maqet_backup_write(const char *path, const struct maqet_backup *backup,
                       struct maqet_error **err);

/* Whether a drive's image is as it was: the file exists, and has the size and date that were
 * recorded, or else the checksum. With @reads, it is read anyway. Sets *fault to what is
 * wrong, a sentence; the caller frees. Returns -1 only if it cannot be determined. */
int maqet_backup_check_image(const char *folder, const char *vm, const char *id,
                             const struct maqet_backup_drive *drive, bool reads,
                             char **fault, struct maqet_error **err);

#endif
