/* SPDX-License-Identifier: MIT */
/*
 * record.h - what is remembered of an image from one start of its machine to the next:
 * which file it was, who made it, when it was last there, and on which backing files it
 * depends. An image that is missing now, or whose backing file is not what it was, is
 * told by its record from one that never existed. Where records are kept stands in
 * core/machine/images.h.
 */
#ifndef MAQET_STORAGE_RECORD_H
#define MAQET_STORAGE_RECORD_H

#include "core/base/field.h"
#include "core/base/files.h"
#include "core/storage/image.h"

struct maqet_image_record {
    char *drive; /* that had it last */
    char *type;  /* of the storage */
    char *path;  /* absolute; NULL: it lies in no file of this host */
    char *place; /* where there is no path: the options that say what it is */
    struct maqet_file_id id;
    uint64_t size; /* that the guest saw, in bytes; 0: not known */
    bool created;  /* maqet made it for this machine */
    /* Of what maqet made: the machine, and the data folder that defines it. */
    char *vm;
    char *uuid;
    char *data_dir;
    int64_t seen; /* s since 1970: when it was last known to be there */
    /* Its backing nodes as they were when the image was made, or first started with. */
    struct maqet_chain bases;
    bool presumed; /* there is no record: its machine ran before maqet kept any */
};

extern const struct maqet_fields maqet_image_record_fields;

/* What says which image a drive without a path has: its options of the types STRING and
 * PATH, as "key=value" in the order of the plugin's table. The caller frees. */
char *maqet_drive_place(const struct maqet_drive *drive);

/* Whether a drive's image holds nothing but what the guest wrote (MAQET_STORAGE_PLAIN),
 * and was created or used as such before: then its beginning can't make another format of
 * it. @id: of the image, as it is now. */
bool maqet_image_keeps_type(const struct maqet_drive *drive,
                            const struct maqet_file_id *id);

/* Whether the image of a drive, which is not there, was there before: a new one in its
 * place must be asked for. */
bool maqet_image_vanished(const struct maqet_drive *drive);

/* An error (MAQET_ERROR_MISSING) for a drive whose image was there and is gone: when it
 * was last there, and the ways out. Returns -1. */
int maqet_image_error_vanished(const struct maqet_drive *drive, struct maqet_error **err);

#endif
