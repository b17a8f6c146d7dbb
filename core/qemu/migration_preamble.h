/* SPDX-License-Identifier: MIT */
/*
 * migration_preamble.h - reads how the stream of a state begins (migration_split.h): its
 * header, its configuration, and the beginning of the section "ram" with the sizes of all
 * blocks of memory.
 */
#ifndef MAQET_QEMU_MIGRATION_PREAMBLE_H
#define MAQET_QEMU_MIGRATION_PREAMBLE_H

#include "core/qemu/migration_split.h"

/* Types of what is in a stream (QEMU: migration/savevm.h). */
enum {
    MAQET_STREAM_START = 1,
    MAQET_STREAM_PART = 2,
    MAQET_STREAM_END = 3,
    MAQET_STREAM_FULL = 4,
    MAQET_STREAM_SUBSECTION = 5,
    MAQET_STREAM_CONFIGURATION = 7,
    MAQET_STREAM_COMMAND = 8,
    MAQET_STREAM_FOOTER = 0x7e,
};

/* Flags of a record of memory, in the bits of its offset within a page (QEMU:
 * migration/ram.c). */
enum {
    MAQET_RECORD_ZERO = 0x02,
    MAQET_RECORD_SIZES = 0x04,
    MAQET_RECORD_PAGE = 0x08,
    MAQET_RECORD_EOS = 0x10,
    MAQET_RECORD_CONTINUE = 0x20,
    MAQET_RECORD_FLUSH = 0x200,
};

/* Reads the first bytes of a stream. False: more are needed. *reason: why they are not as
 * expected; NULL: they are the whole preamble, and *section is the section's number. */
bool maqet_preamble_read(const struct maqet_split_plan *plan, const unsigned char *bytes,
                         size_t length, uint32_t *section, const char **reason);

#endif
