/* SPDX-License-Identifier: MIT */
/*
 * unused.h - images that maqet created and no machine uses any more: those that stayed
 * when their machine was removed, which DATA/images.json lists, and those of drives that
 * a machine no longer has. They take room until somebody deletes them.
 */
#ifndef MAQET_MACHINE_UNUSED_H
#define MAQET_MACHINE_UNUSED_H

#include "core/base/context.h"

enum maqet_unused_state {
    MAQET_UNUSED_THERE,
    MAQET_UNUSED_MISSING,  /* no file has that name now; its disk may not be mounted */
    MAQET_UNUSED_REPLACED, /* another file has its name */
    MAQET_UNUSED_UNKNOWN,  /* a machine whose definition can't be read may use it */
};

struct maqet_unused_image {
    char *path;
    char *vm;    /* for which it was made */
    char *drive; /* of that machine */
    bool size_known;
    uint64_t size; /* bytes that it takes on the disk */
    int64_t seen;  /* s since 1970: when it was last used, as far as is known */
    enum maqet_unused_state state;
};

struct maqet_unused {
    struct maqet_unused_image *items;
    size_t count;
};

void maqet_unused_clear(struct maqet_unused *unused);

#define _cleanup_unused_ _cleanup_(maqet_unused_clear)

/* All of them, sorted by path. */
int maqet_unused_list(const struct maqet_context *context, struct maqet_unused *unused,
                      struct maqet_error **err);

/* Deletes an image by its absolute path. *size gets the bytes that it took. Refused
 * (MAQET_ERROR_STATE) where a machine, another image or a program needs it, where it is
 * not the file that maqet created, and (MAQET_ERROR_MISSING) where it is none of these
 * images. One that is missing is only forgotten. */
int maqet_unused_remove(const struct maqet_context *context, const char *path,
                        uint64_t *size, struct maqet_error **err);

#endif
