/* SPDX-License-Identifier: MIT */
/*
 * copy.h - new images with the content of others, of whatever types: the image of a drive is
 * created as its plugin creates it, filled, and published (publication.h). Where both are the
 * same kind of file, it is copied as a file, which takes no time if the file system lets files
 * share their data.
 */
#ifndef MAQET_STORAGE_COPY_H
#define MAQET_STORAGE_COPY_H

#include "core/storage/conversion.h"
#include "core/storage/record.h"

/* How it was copied. */
enum maqet_copied {
    MAQET_COPIED_SHARED,    /* the files share their data */
    MAQET_COPIED_FILE,      /* byte for byte, with its holes */
    MAQET_COPIED_CONVERTED, /* by qemu-img */
};

struct maqet_copy {
    struct maqet_copy_source from;
    const struct maqet_drive *to;
    const struct maqet_image_recorder
        *recorder; /* as for maqet_image_prepare(); NULL: none */
    bool rewrite;  /* never as a file: what is not used, and snapshots, are left behind */
    bool compress;
    enum maqet_copied copied; /* result */
    bool created; /* result, also of a failure: storage elsewhere may be left */
};

/* Creates the image of copy->to, which must be missing (else MAQET_ERROR_EXISTS), with that
 * content: with the size of the content, or that of the drive's definition if that is larger. It has
 * no snapshots. Reports progress. Removes what it made if it fails, as after a signal; after a
 * kill, maqet_image_sweep() of that drive does, if it is a file of this host. */
int maqet_copy(struct maqet_copy *copy, struct maqet_error **err);

/* Whether the definition of a drive names a backing file: then it is not that of a copy. */
int maqet_copy_names_base(const struct maqet_drive *drive, bool *names,
                          struct maqet_error **err);

#endif
