/* SPDX-License-Identifier: MIT */
/*
 * archive.h - what a guest sends as a tar archive, on its way to tar(1) on the host: devices
 * are refused, as root would create them.
 */
#ifndef MAQET_GUEST_ARCHIVE_H
#define MAQET_GUEST_ARCHIVE_H

#include <stddef.h>

#include "core/base/error.h"

enum { MAQET_ARCHIVE_BLOCK = 512 };

/* All zero at the beginning. */
struct maqet_archive {
    unsigned char header[MAQET_ARCHIVE_BLOCK];
    size_t filled;    /* bytes of the header that have arrived */
    uint64_t content; /* bytes that follow until the next header */
};

/* Examines the next bytes. */
int maqet_archive_check(struct maqet_archive *archive, const char *bytes, size_t count,
                        struct maqet_error **err);

#endif
