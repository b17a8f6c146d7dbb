/* SPDX-License-Identifier: MIT */
/*
 * nbd.h - a client of a server that offers a disk, such as qemu-nbd (NBD: doc/proto.md). It
 * reads what is stored, without what is known to be zero, and makes the server forget what
 * it stores of a range.
 */
#ifndef MAQET_BASE_NBD_H
#define MAQET_BASE_NBD_H

#include <stdint.h>

#include "core/base/error.h"

struct maqet_nbd {
    int fd;
    uint64_t size; /* of the disk, bytes */
    uint64_t cookie;
    unsigned char *buffer;
};

/* The most bytes of one request. */
enum { MAQET_NBD_MAX = 8 * 1024 * 1024 };

#define MAQET_NBD_INIT ((struct maqet_nbd){.fd = -1})

/* Takes a connection, at which the server greets. MAQET_ERROR_UNSUPPORTED: it can only
 * offer what it stores together with what is zero, or is read-only. */
int maqet_nbd_begin(struct maqet_nbd *nbd, int fd, struct maqet_error **err);
void maqet_nbd_clear(struct maqet_nbd *nbd);

#define _cleanup_nbd_ _cleanup_(maqet_nbd_clear)

/* Reads a range of at most MAQET_NBD_MAX bytes: @stored is called with each part that the
 * server stores. */
int maqet_nbd_read(struct maqet_nbd *nbd, uint64_t offset, uint32_t length,
                   void (*stored)(void *data, uint64_t offset, const unsigned char *bytes,
                                  size_t count),
                   void *data, struct maqet_error **err);

/* Makes a range zero, and gives back the space that it takes. */
int maqet_nbd_zero(struct maqet_nbd *nbd, uint64_t offset, uint32_t length,
                   struct maqet_error **err);

/* Has the server write everything to the disk. */
int maqet_nbd_flush(struct maqet_nbd *nbd, struct maqet_error **err);

#endif
