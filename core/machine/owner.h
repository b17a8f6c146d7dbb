/* SPDX-License-Identifier: MIT */
/*
 * owner.h - whose an image is, and who uses it, written on the image itself as extended
 * attributes (xattr(7)). So a machine in a copy of a data folder, which has the same
 * records, is told from the one that owns its images, and the machines of another data
 * folder are known. Where the file system has no extended attributes, the record of the
 * image stands in.
 */
#ifndef MAQET_MACHINE_OWNER_H
#define MAQET_MACHINE_OWNER_H

#include "core/base/context.h"
#include "core/machine/definition.h"
#include "core/storage/record.h"

/* What a mark says. */
struct maqet_owner {
    char *vm; /* name of the machine */
    char *uuid;
    char *data_dir;              /* in which it is defined; absolute, links resolved */
    char *host;                  /* machine-id(5); "" where there is none */
    struct maqet_file_id folder; /* that of the machine, in the data folder */
    struct maqet_file_id image;  /* a copy of an image takes its marks along */
};

void maqet_owner_clear(struct maqet_owner *owner);

#define _cleanup_owner_ _cleanup_(maqet_owner_clear)

/* Marks an image as created for a machine. False: its file system has no extended
 * attributes, or the image may not be changed. */
bool maqet_owner_mark(const struct maqet_context *context,
                      const struct maqet_definition *definition, const char *file);

/* False: it has no such mark, or one that it was copied with. Links are followed. */
bool maqet_owner_read(const char *file, struct maqet_owner *owner);

/* Marks a file, as far as that is possible, as used by a machine of the data folder: as
 * its image, or with @base as the backing file of one. */
void maqet_owner_mark_user(const struct maqet_context *context, const char *file,
                           bool base);

/* Adds the other data folders that a file's marks name, with @bases only those which have
 * it as a backing file. */
void maqet_owner_other_folders(const struct maqet_context *context, const char *file,
                               bool bases, struct maqet_strings *folders);

/* Whether the machine is still defined where it was. What can't be looked at counts as
 * there. */
bool maqet_owner_exists(const struct maqet_owner *owner);

/* The data folder as marks name it. The caller frees. */
char *maqet_owner_data_dir(const struct maqet_context *context);

/* Whether the file @id is surely the one that was recorded. Where the file system keeps
 * no time of birth, another file may have got the inode's number, and the mark tells. */
bool maqet_owner_vouches(const struct maqet_image_record *record,
                         const struct maqet_file_id *id);

/* Why an image that was recorded as made for the machine @vm with @uuid is not its to
 * delete: for whom it was, as a phrase ("for VM 'a' in /data"), or NULL where it is.
 * @uuid NULL: none has it any more; then it is anybody's, unless its machine still exists
 * in another data folder. The caller frees. */
char *maqet_owner_objection(const struct maqet_context *context, const char *vm,
                            const char *uuid, const struct maqet_image_record *record);

#endif
