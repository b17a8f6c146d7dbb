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

#endif
