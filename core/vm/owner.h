/* SPDX-License-Identifier: MIT */
/*
 * owner.h - whose an image is, written on the image itself as extended attributes
 * (xattr(7)). So a machine in a copy of a data folder, which has the same records, is
 * told from the one that owns its images, and the machines of another data folder are
 * known. Where the file system has no extended attributes, the record of the image stands
 * in.
 */
#ifndef MAQET_VM_OWNER_H
#define MAQET_VM_OWNER_H

#include "core/base/context.h"
#include "core/storage/record.h"
#include "core/vm/definition.h"

/* The marks that there are. */
#define MAQET_MARK_OWNER "user.maqet"           /* for whom it was created */
#define MAQET_MARK_USER "user.maqet.user"       /* who else was started with it last */
#define MAQET_MARK_OVERLAY "user.maqet.overlay" /* who has an overlay on it */

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

/* The machine as marks name it, but for the image. */
void maqet_owner_of(const struct maqet_context *context,
                    const struct maqet_definition *definition, struct maqet_owner *owner);

/* Marks a file. False: its file system keeps no such marks, or it may not be changed. */
bool maqet_owner_write(const char *file, const char *mark,
                       const struct maqet_owner *owner);

/* False: it has no such mark, or one that it was copied with. Links are followed. */
bool maqet_owner_read(const char *file, const char *mark, struct maqet_owner *owner);

/* Whether two marks say the same, but for the image. */
bool maqet_owner_equal(const struct maqet_owner *a, const struct maqet_owner *b);

/* Whether the machine is still defined where it was. What can't be looked at counts as
 * there. */
bool maqet_owner_exists(const struct maqet_owner *owner);

/* The data folder as marks name it. The caller frees. */
char *maqet_owner_data_dir(const struct maqet_context *context);

/* Whether the image of a record may be marked as that of a machine for which it was made:
 * the machine's data folder is where it was, or is no longer there, having been moved. */
bool maqet_owner_may_adopt(const struct maqet_context *context,
                           const struct maqet_definition *definition,
                           const struct maqet_image_record *record);

/*
 * Why an image that was recorded as made for the machine @vm with @uuid is not its to
 * delete: for whom it was, as a phrase ("for VM 'a' in /data"), or NULL where it is.
 * @uuid NULL: none has it any more; then it is anybody's, unless its machine still exists
 * in another data folder. The caller frees.
 */
char *maqet_owner_objection(const struct maqet_context *context, const char *vm,
                            const char *uuid, const struct maqet_image_record *record);

#endif
