/* SPDX-License-Identifier: MIT */
/*
 * bait.h - a file that nobody may open, and images that name it.
 */
#ifndef MAQET_CONFORMANCE_BAIT_H
#define MAQET_CONFORMANCE_BAIT_H

#include "core/conformance/bench.h"

struct bait {
    char *path;
    int fd; /* of inotify(7) */
};

/* Lays it in the check's folder, as a disk. */
int bait_lay(struct bait *bait, const struct bench *bench, struct maqet_error **err);
void bait_clear(struct bait *bait);

#define _cleanup_bait_ _cleanup_(bait_clear)

/* Begins to watch it. */
int bait_watch(struct bait *bait, struct maqet_error **err);

/* Whether anybody has opened it since. */
bool bait_taken(const struct bait *bait);

/* Makes an image of a format that names the file @named in the @index-th way: as its
 * backing file (0), and in the other ways that qemu-img knows. *what describes it; NULL:
 * that was the last one. 1: there is no such image of that format. */
int bait_make_image(unsigned index, const char *path, const char *format,
                    const char *named, const char **what);

#endif
