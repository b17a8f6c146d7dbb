/* SPDX-License-Identifier: MIT */
/*
 * owner.h - for which machine an image was made, written on the image itself: the
 * extended attribute "user.maqet" (xattr(7)). So a copy of a data folder, which has the
 * same records, is told from the machine that owns its images. Where the file system has
 * no extended attributes, the record of the image stands in.
 */
#ifndef MAQET_VM_OWNER_H
#define MAQET_VM_OWNER_H

#include "core/base/context.h"
#include "core/storage/record.h"

struct maqet_owner {
    char *vm; /* its name */
    char *uuid;
    char *data_dir; /* in which it is defined; absolute, links resolved */
};

void maqet_owner_clear(struct maqet_owner *owner);

#define _cleanup_owner_ _cleanup_(maqet_owner_clear)

/* Marks a file. False: its file system keeps no such marks. */
bool maqet_owner_write(const char *file, const struct maqet_owner *owner);

/* False: it has no mark. Links are followed. */
bool maqet_owner_read(const char *file, struct maqet_owner *owner);

/* The data folder as owners name it. The caller frees. */
char *maqet_owner_data_dir(const struct maqet_context *context);

/*
 * Why an image that was recorded as made for the machine @vm with @uuid is not its to
 * delete: for whom it was, as a phrase ("for VM 'a' in /data"), or NULL where it is.
 * @uuid NULL: of a machine that is no longer there; then it is anybody's, unless its
 * machine exists after all. The caller frees.
 */
char *maqet_owner_objection(const struct maqet_context *context, const char *uuid,
                            const struct maqet_image_record *record);

#endif
