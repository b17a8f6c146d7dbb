/* SPDX-License-Identifier: MIT */
/*
 * checksum.h - checksums of files, which detect damage and mistakes, not forgery.
 */
#ifndef MAQET_BASE_CHECKSUM_H
#define MAQET_BASE_CHECKSUM_H

#include <stdint.h>

#include "core/base/error.h"

/* The checksum of a file's first @limit bytes (UINT64_MAX: of all of it): "xxh3:" and 32
 * hexadecimal digits of XXH3 (128 bits), in the canonical order. Does not move the
 * descriptor's offset. @name is for messages. The caller frees; NULL: an error. */
char *maqet_fd_checksum(int fd, const char *name, uint64_t limit,
                        struct maqet_error **err);

/* The same. Calls @watch for each part, with the bytes that were read so far; if that fails, so does
 * this. */
char *maqet_fd_checksum_watched(int fd, const char *name, uint64_t limit,
                                int (*watch)(void *data, uint64_t done,
                                             struct maqet_error **err),
                                void *data, struct maqet_error **err);

/* That of a text, likewise. The caller frees. */
char *maqet_text_checksum(const char *text);

/* The checksum of a file's contents without its pages that are zero (4096 bytes each), so a
 * file has the same one with and without holes, which are not read. @progress (may be NULL)
 * is called with bytes done and all bytes. */
char *maqet_fd_checksum_sparse(int fd, const char *name,
                               void (*progress)(void *data, uint64_t done,
                                                uint64_t total),
                               void *data, struct maqet_error **err);

#endif
