/* SPDX-License-Identifier: MIT */
/*
 * conversion.h - fills the new image of a drive with something that a drive shows, by qemu-img.
 * Both are described as their plugins describe them to QEMU, so no format is probed, and no
 * file is opened because an image names it.
 */
#ifndef MAQET_STORAGE_CONVERSION_H
#define MAQET_STORAGE_CONVERSION_H

#include "core/storage/snapshots.h"

/* What is copied. */
enum maqet_copy_of {
    MAQET_COPY_DRIVE, /* what the guest sees; nobody may write to it meanwhile */
    MAQET_COPY_NODE,  /* a frozen node of the drive's overlays; QEMU may have it open */
    MAQET_COPY_SNAPSHOT, /* of the drive; QEMU may have the image open */
    MAQET_COPY_IMAGE,    /* something else that qemu-img opens */
};

struct maqet_copy_source {
    enum maqet_copy_of of;
    const struct maqet_drive *drive; /* NULL for MAQET_COPY_IMAGE only */
    uint64_t node;
    const struct maqet_snapshot *snapshot;
    /* Where a program may serve the snapshot: a path in a folder that only we can enter. */
    const char *socket;
    /* A file in this QEMU format that names no other file; with NULL, "json:" and a block node,
     * whose backing nodes are all said ("backing": null at the end). */
    const char *image;
    const char *format;
    /* Of an image that another program has made (foreign.h): with the files that it may name,
     * no others can be opened; and the size of its content, in bytes. */
    const struct maqet_strings *others;
    uint64_t size;
};

/* The size of the content that the guest sees, in bytes. */
int maqet_copy_size(const struct maqet_copy_source *from, uint64_t *bytes,
                    struct maqet_error **err);

/* Copies it to the image of a drive, which is at @path (NULL: its storage is not a file of this
 * host) and was just created with at least that size. Reports progress. */
int maqet_convert(const struct maqet_copy_source *from, const struct maqet_drive *drive,
                  const char *path, bool compress, struct maqet_error **err);

/* The same to a file in a QEMU format, which a plugin has not created. What is encrypted is not
 * in there. */
int maqet_convert_to_file(const struct maqet_copy_source *from, const char *path,
                          const char *format, bool compress, struct maqet_error **err);

/* Whether what a drive shows is encrypted in its image. */
int maqet_convert_is_encrypted(const struct maqet_drive *drive, bool *encrypted,
                               struct maqet_error **err);

#endif
