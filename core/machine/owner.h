/* SPDX-License-Identifier: MIT */
/*
 * owner.h - marks on images, as extended attributes (xattr(7)): for which machine an
 * image was created, and which data folders use it. So the owner of an image is
 * distinguished from a machine in a copy of its data folder, which has the same records,
 * and users in other data folders are known. Without extended attributes, only the
 * records tell.
 */
#ifndef MAQET_MACHINE_OWNER_H
#define MAQET_MACHINE_OWNER_H

#include "core/base/context.h"
#include "core/machine/definition.h"
#include "core/storage/record.h"

/* The content of a mark. */
struct maqet_owner {
    char *vm; /* name of the machine */
    char *uuid;
    char *data_dir;              /* of its definition; absolute, links resolved */
    char *host;                  /* machine-id(5); NULL or "": not known */
    struct maqet_file_id folder; /* of the machine, in the data folder */
    struct maqet_file_id image;  /* a copy of the image has the same marks */
};

void maqet_owner_clear(struct maqet_owner *owner);

#define _cleanup_owner_ _cleanup_(maqet_owner_clear)

/* Marks an image as created for a machine. False: its file system has no extended
 * attributes, or the image may not be changed. */
bool maqet_owner_mark(const struct maqet_context *context,
                      const struct maqet_definition *definition, const char *file);

/* False: it has no such mark, or one of the image that it is a copy of. Follows links. */
bool maqet_owner_read(const char *file, struct maqet_owner *owner);

/* Marks a file, if possible, as used by a machine of the data folder: as an image, or
 * with @base as the backing file of one. */
void maqet_owner_mark_user(const struct maqet_context *context, const char *file,
                           bool base);

/* Adds the other data folders that the marks on a file name; with @bases only those where
 * it is a backing file. */
void maqet_owner_other_folders(const struct maqet_context *context, const char *file,
                               bool bases, struct maqet_strings *folders);

/* The data folder as marks name it, links resolved. The caller frees. */
char *maqet_owner_data_dir(const struct maqet_context *context);

/* machine-id(5) as marks name it; "" if it is not known. The caller frees. */
char *maqet_owner_host(void);

/* Whether the file @id is certainly the recorded one. Without a time of birth, another
 * file may have got its inode number, and the mark decides. */
bool maqet_owner_vouches(const struct maqet_image_record *record,
                         const struct maqet_file_id *id);

/* Why the machine @vm with @uuid may not delete an image that its record calls its own,
 * as a phrase: "for VM 'a' in /data". NULL: it may. @uuid NULL: no machine has the image,
 * which may be deleted unless its machine exists in another data folder. The caller
 * frees. */
char *maqet_owner_objection(const struct maqet_context *context, const char *vm,
                            const char *uuid, const struct maqet_image_record *record);

#endif
