/* SPDX-License-Identifier: MIT */
/*
 * blank.h - the content of a new image as its plugin has made it, kept in memory, for others that
 * would be made in the same way: of drives that have the same options but for their paths, and
 * images in the same folder, as the drives of several forks.
 */
#ifndef MAQET_STORAGE_BLANK_H
#define MAQET_STORAGE_BLANK_H

#include "core/storage/drive.h"

struct maqet_blank {
    int fd;       /* -1: there is none yet */
    char *folder; /* of the image */
};
#define MAQET_BLANK_INIT                                                                 \
    {                                                                                    \
        .fd = -1                                                                         \
    }

/* Keeps the content of the file that a plugin has just made for a drive, if its type serves as overlays (of
 * which the core may make copies), if it is small, and not made from secrets. */
void maqet_blank_keep(struct maqet_blank *blank, const struct maqet_drive *drive,
                      const char *path);

/* Whether the new image of a drive can be made from it. */
bool maqet_blank_fits(const struct maqet_blank *blank, const struct maqet_drive *drive);

/* Makes it, in the empty file @path. */
int maqet_blank_write(const struct maqet_blank *blank, const char *path,
                      struct maqet_error **err);

void maqet_blank_clear(struct maqet_blank *blank);

#endif
