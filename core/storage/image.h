/* SPDX-License-Identifier: MIT */
/*
 * image.h - the image of a drive, a file of this host or not: whether it exists, what it
 * says it is, and whether it is damaged.
 */
#ifndef MAQET_STORAGE_IMAGE_H
#define MAQET_STORAGE_IMAGE_H

#include "core/base/files.h"
#include "core/storage/drive.h"

struct maqet_image_state {
    bool exists;
    bool missing;            /* the plugin's inspect says so; then it has failed */
    uint64_t virtual_size;   /* that the guest sees, in bytes; 0: not known */
    uint64_t allocated_size; /* that it takes up in the file system, in bytes */
    struct maqet_file_id id; /* of the file */
};

/* The report of a plugin's inspect. */
struct maqet_image {
    const struct maqet_drive *drive;
    char *format;
    bool missing;
    uint64_t virtual_size;
    struct maqet_chain bases; /* the files that both it and the configuration name */
    /* The first file that the image names and the configuration does not, as "WHAT
     * 'NAME'"; its path (NULL: it is not a file), and the file that @option of the
     * configuration names instead (NULL: none). */
    char *undeclared;
    char *named;
    char *declared;
    const char *option;
    char *relink; /* as maqet_image_relink() */
};

void maqet_image_clear(struct maqet_image *image);

/* Fills @state. A missing image is no error. A hostile or wrong one is, and so is one
 * that was replaced or removed since the drive noted which file it is (chain.h). */
int maqet_image_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* Has the plugin inspect an open image (-1: it is not a file of this host), and compares
 * its report with the configuration. */
int maqet_image_ask(const struct maqet_drive *drive, int fd,
                    struct maqet_image_state *state, struct maqet_error **err);

/* Adds the nodes that the image depends on, as both its header and the configuration name
 * them. A missing image has none. */
int maqet_image_dependencies(const struct maqet_drive *drive, struct maqet_chain *bases,
                             struct maqet_error **err);

/* Opens an existing image after the same checks. Returns a descriptor, or -1;
 * MAQET_ERROR_MISSING: it is missing. */
int maqet_image_open(const struct maqet_drive *drive, bool writable,
                     struct maqet_error **err);

/* ---- storage that is not a file of this host ---- */

/* A network block device, or an image in a cluster: only the plugin can inspect it. */

/* As maqet_image_inspect(), for any drive. Storage that is not a file seems to be missing
 * if its plugin cannot inspect it. */
int maqet_drive_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* What a plugin reports of other users. */
struct maqet_holders {
    struct maqet_strings who;
    struct maqet_strings hints;
};

/* Whether nobody else uses the drive's storage, as far as its plugin can tell;
 * MAQET_ERROR_BUSY names the users. @ours: how many of them are QEMUs of ours. A
 * read-only drive may be shared. */
int maqet_drive_check_users(const struct maqet_drive *drive, size_t ours,
                            struct maqet_error **err);

/* ---- damage ---- */

/* The result of a check of one file. */
struct maqet_checked_file {
    char *path;
    bool written; /* it is the drive's own image, and the guest may write to it */
    struct maqet_strings damage; /* phrases that follow the path */
    bool counted;                /* the numbers are known */
    uint64_t errors;
    uint64_t leaks; /* clusters */
    uint64_t errors_fixed;
    uint64_t leaks_fixed;
};

/* Zero-initialised except for the drive. */
struct maqet_check_report {
    const struct maqet_drive *drive;
    struct maqet_checked_file *files;
    size_t count;
};

void maqet_check_report_clear(struct maqet_check_report *report);

#define _cleanup_check_report_ _cleanup_(maqet_check_report_clear)

/* Fills a report for its drive. MAQET_ERROR_UNSUPPORTED: the type cannot be checked. */
int maqet_drive_check(struct maqet_check_report *report, enum maqet_check_depth depth,
                      struct maqet_error **err);

/* Leaked clusters alone are not damage. */
bool maqet_checked_file_is_damaged(const struct maqet_checked_file *file);

/* "/images/base is damaged: it is marked as corrupt". The caller frees. */
char *maqet_checked_file_text(const struct maqet_checked_file *file);

#endif
