/* SPDX-License-Identifier: MIT */
/*
 * record.h - what is recorded about an image between two starts of its machine: which
 * file it is, who created it, when it was last seen, and its backing files. So a missing
 * image is distinguished from one that never existed, and a changed backing file is
 * noticed. core/machine/images.h keeps the records.
 */
#ifndef MAQET_STORAGE_RECORD_H
#define MAQET_STORAGE_RECORD_H

#include "core/base/field.h"
#include "core/base/files.h"
#include "core/storage/image.h"

struct maqet_image_record {
    char *drive; /* that had it last */
    char *type;  /* of the storage */
    char *path;  /* absolute; NULL: it is not a file of this host */
    char *place; /* maqet_drive_place(), if there is no path */
    struct maqet_file_id id;
    uint64_t size; /* that the guest saw, in bytes; 0: not known */
    bool created;  /* by maqet, for this machine */
    /* If it was created by maqet: the machine, and the data folder of its definition. */
    char *vm;
    char *uuid;
    char *data_dir;
    char *host;   /* machine-id(5) of the host on which it was created; NULL: not known */
    int64_t seen; /* s since 1970: when it last existed; 0: it never had its name */
    /* Its backing nodes when it was created or first started with. */
    struct maqet_chain bases;
    bool presumed; /* a stand-in: the machine ran with a maqet that had no records */
};

extern const struct maqet_fields maqet_image_record_fields;

/* Records what is about to be created: an image that has the name @file until it gets its
 * own; NULL, like @id: storage that is not a file of this host. */
struct maqet_image_recorder {
    int (*record)(void *data, const struct maqet_drive *drive, const char *file,
                  const struct maqet_file_id *id, struct maqet_error **err);
    void *data;
};

/* Identifies the storage of a drive without a path: its options of the types STRING, PATH,
 * INT and CHOICE, as "key=value" in the order of the plugin's table. The caller frees. */
char *maqet_drive_place(const struct maqet_drive *drive);

/* Whether a drive's image, the file @id, holds only what the guest wrote
 * (MAQET_STORAGE_PLAIN), and has been used as such. Then it has no other format, whatever
 * its beginning says. */
bool maqet_image_keeps_type(const struct maqet_drive *drive,
                            const struct maqet_file_id *id);

/* Whether the missing image of a drive existed before, so that a new one is only created
 * with the user's consent. */
bool maqet_image_vanished(const struct maqet_drive *drive);

/* The error (MAQET_ERROR_MISSING) for such a drive: when its image was last seen, and
 * what can be done. Returns -1. */
int maqet_image_error_vanished(const struct maqet_drive *drive, struct maqet_error **err);

#endif
