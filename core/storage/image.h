/* SPDX-License-Identifier: MIT */
/*
 * image.h - the image of a drive, a file of this host or not: whether it exists, and what
 * it says it is.
 */
#ifndef MAQET_STORAGE_IMAGE_H
#define MAQET_STORAGE_IMAGE_H

#include "core/base/files.h"
#include "core/storage/drive.h"

/* What is on the disk. */
struct maqet_image_state {
    bool exists;
    uint64_t virtual_size;   /* what the guest sees; 0: not known */
    uint64_t allocated_size; /* what it takes in the file system */
    struct maqet_file_id id; /* of the file */
};

/* What a plugin's inspect reports. */
struct maqet_image {
    const struct maqet_drive *drive;
    char *format;
    uint64_t virtual_size;
    struct maqet_chain bases; /* the files that it names and the configuration does */
    /* The first file that the image names and the configuration doesn't, as "WHAT
     * 'NAME'"; its path (NULL: it is no file), and the file that the configuration names
     * instead (NULL: none), by @option. */
    char *undeclared;
    char *named;
    char *declared;
    const char *option;
    char *relink; /* what maqet_image_relink() was told */
};

/* Frees what was reported. */
void maqet_image_clear(struct maqet_image *image);

/* Fills @state. A missing image is no error; a hostile or wrong one is, and so is one
 * that is not the file that the drive is known to have (drive.h), or gone, then. */
int maqet_image_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* Lets the plugin look at what we opened (-1: it lies elsewhere), and holds the answer
 * against the configuration. */
int maqet_image_ask(const struct maqet_drive *drive, int fd,
                    struct maqet_image_state *state, struct maqet_error **err);

/* Adds the nodes that an existing image depends on, as its header and the configuration
 * name them. None for an image that is missing. */
int maqet_image_dependencies(const struct maqet_drive *drive, struct maqet_chain *bases,
                             struct maqet_error **err);

/* Opens an image that is there, after the same checks. Returns a descriptor, or -1;
 * MAQET_ERROR_MISSING: there is none. */
int maqet_image_open(const struct maqet_drive *drive, bool writable,
                     struct maqet_error **err);

/* ---- storage that is not a file of this host ---- */

/* A network block device, or an image in a cluster: only the plugin can inspect it. */

/* Fills @state with what the plugin knows. Missing storage is no error; it seems to be
 * missing if the plugin cannot look. */
int maqet_elsewhere_inspect(const struct maqet_drive *drive,
                            struct maqet_image_state *state, struct maqet_error **err);

/* The same for any drive: a file of this host is inspected by maqet_image_inspect(). */
int maqet_drive_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* What a plugin reports of other users. */
struct maqet_holders {
    struct maqet_strings who;
    struct maqet_strings hints;
};

/* Whether nobody else uses the drive's storage, as far as its plugin can tell;
 * MAQET_ERROR_BUSY names the users. @ours: how many of them are QEMUs of ours. A read-only
 * drive may be shared. */
int maqet_drive_check_users(const struct maqet_drive *drive, size_t ours,
                            struct maqet_error **err);

#endif
