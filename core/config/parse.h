/* SPDX-License-Identifier: MIT */
/*
 * parse.h - what the text of an option means.
 */
#ifndef MAQET_CONFIG_PARSE_H
#define MAQET_CONFIG_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Text to value; false if the text is not of that form, or the value is too large. A size
 * is in bytes, or has one of QEMU's suffixes (b, K, M, G, T, P, E in either case; fractions
 * are rounded down to whole bytes), which may be followed by B or iB, as we print sizes: all
 * are powers of 1024. A size or an int may be hexadecimal (0x...). A mode is
 * octal, up to 07777. */
bool maqet_parse_size(const char *text, uint64_t *bytes);
bool maqet_parse_int(const char *text, int64_t *value);
bool maqet_parse_bool(const char *text, bool *value);
bool maqet_parse_mode(const char *text, int64_t *mode);

/* Why the size of a disk, written as @text and read as @bytes, is probably not what was
 * meant: it has no unit, and is too small for a disk, or not a multiple of the sector
 * size. "is 20 bytes; did you mean 20G?"; the caller frees. NULL: it is plausible. */
char *maqet_size_doubt(const char *text, uint64_t bytes);

#endif
