/* SPDX-License-Identifier: MIT */
/*
 * unused.h - images that maqet created and that no machine uses any more: those without a
 * machine (DATA/images.json), and those of drives that a machine no longer has.
 */
#ifndef MAQET_MACHINE_UNUSED_H
#define MAQET_MACHINE_UNUSED_H

#include "core/base/context.h"

enum maqet_unused_state {
    MAQET_UNUSED_THERE,
    MAQET_UNUSED_MISSING,  /* its disk may not be mounted */
    MAQET_UNUSED_REPLACED, /* another file has its name */
    MAQET_UNUSED_UNKNOWN,  /* a machine that cannot be read may use it */
};

struct maqet_unused_image {
    char *path;
    char *vm;    /* for which it was created */
    char *drive; /* of that machine */
    bool size_known;
    uint64_t size; /* bytes that it takes up on the disk */
    int64_t seen;  /* s since 1970: when it was last known to exist */
    enum maqet_unused_state state;
};

struct maqet_unused {
    struct maqet_unused_image *items;
    size_t count;
};

void maqet_unused_clear(struct maqet_unused *unused);

#define _cleanup_unused_ _cleanup_(maqet_unused_clear)

/* Sorted by path. */
int maqet_unused_list(const struct maqet_context *context, struct maqet_unused *unused,
                      struct maqet_error **err);

/* Deletes an image by its absolute path; *size gets the bytes that it took up.
 * MAQET_ERROR_STATE: something needs it, or it is not the file that maqet created;
 * MAQET_ERROR_MISSING: it is not one of these images. Of a missing image, only the record
 * is removed. */
int maqet_unused_remove(const struct maqet_context *context, const char *path,
                        uint64_t *size, struct maqet_error **err);

#endif
