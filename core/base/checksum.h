/* SPDX-License-Identifier: MIT */
/*
 * checksum.h - checksums of files, to tell whether what was written once is still there.
 * They detect damage and mistakes, not forgery.
 */
#ifndef MAQET_BASE_CHECKSUM_H
#define MAQET_BASE_CHECKSUM_H

#include <stdint.h>

#include "core/base/error.h"

/*
 * The checksum of a file's first @limit bytes, or of all of it where it is shorter
 * (UINT64_MAX: always all of it): "xxh3:" and 32 hexadecimal digits of XXH3 (128 bits),
 * in the canonical order. Reads by pread(2), so that the descriptor's offset stays as it
 * is.
 * @name is for messages. Caller frees; NULL: an error.
 */
char *maqet_fd_checksum(int fd, const char *name, uint64_t limit,
                        struct maqet_error **err);

#endif
