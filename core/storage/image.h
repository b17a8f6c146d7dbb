/* SPDX-License-Identifier: MIT */
/*
 * image.h - the image behind a drive: whether it is there and what it says it is, and
 * making it when it is missing.
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
    /* The files that it names and the configuration does: of each the option, and the
     * path that this has. */
    struct maqet_strings options;
    struct maqet_strings files;
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
 * that is not the file that the drive is known to have (drive_files.h), or gone, then. */
int maqet_image_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* Lets the plugin look at what we opened (-1: it lies elsewhere), and holds the answer
 * against the configuration. */
int maqet_image_ask(const struct maqet_drive *drive, int fd,
                    struct maqet_image_state *state, struct maqet_error **err);

/* The files that an existing image depends on, as its header and the configuration name
 * them: of each the option, and its path. None for an image that is missing. */
int maqet_image_dependencies(const struct maqet_drive *drive,
                             struct maqet_strings *options, struct maqet_strings *files,
                             struct maqet_error **err);

/* Opens an image that is there, after the same checks. Returns a descriptor, or -1;
 * MAQET_ERROR_MISSING: there is none. */
int maqet_image_open(const struct maqet_drive *drive, bool writable,
                     struct maqet_error **err);

/* Whether `start` will be able to make the image, as far as the configuration tells. */
int maqet_image_check(const struct maqet_drive *drive, struct maqet_error **err);

/* Whom to tell of an image that is about to get its name. */
struct maqet_image_recorder {
    /* @file is what it is called until then. */
    int (*record)(void *data, const struct maqet_drive *drive, const char *file,
                  const struct maqet_file_id *id, struct maqet_error **err);
    void *data;
};

/*
 * Makes the image when it is missing; looks at it when it is there. *state is what it is
 * then: one in a file of this host exists after a success; *created tells whether it was
 * us who made it. @recorder may be NULL.
 */
int maqet_image_prepare(const struct maqet_drive *drive, struct maqet_image_state *state,
                        bool *created, const struct maqet_image_recorder *recorder,
                        struct maqet_error **err);

/* Removes what a maqet that was killed while it was making the image has left beside it,
 * unless somebody is just making it. */
void maqet_image_sweep(const struct maqet_drive *drive);

/* Whether the image is there (*state tells), or may be made where it would be: what
 * `start` wants to know of all drives before it makes the first image. */
int maqet_image_precheck(const struct maqet_drive *drive, struct maqet_image_state *state,
                         struct maqet_error **err);

/* What a new image takes at once, and at most, in bytes, as its plugin tells. */
int maqet_image_space(const struct maqet_drive *drive, uint64_t *at_once,
                      uint64_t *at_most, struct maqet_error **err);

/* Whether all missing images of a machine fit together where they will be made. */
int maqet_image_check_space(struct maqet_drive *const *drives, size_t count,
                            struct maqet_error **err);

/* Whether there is room for an image to become larger: for all of @more bytes, unless the
 * drive may be overcommitted. */
int maqet_image_check_growth(const struct maqet_drive *drive, uint64_t more,
                             struct maqet_error **err);

/* After something failed at the drive's image: says so where its file system is as good
 * as full. */
void maqet_image_hint_space(const struct maqet_drive *drive, struct maqet_error **err);

#endif
