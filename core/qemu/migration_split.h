/* SPDX-License-Identifier: MIT */
/*
 * migration_split.h - splits a state while QEMU writes it: the guest's memory goes to a
 * sparse file, each page at its own offset, and the rest of the stream to another one. QEMU
 * can map the first file instead of reading it, and then loads the second one. The format
 * is described in QEMU's docs/devel/migration and migration/ram.c, and later versions of
 * QEMU must read it as well.
 *
 * Whatever is not exactly as expected makes the stream whole again: pages that are already
 * in the first file are put back into the second one, which can then be loaded as if nothing
 * had been split.
 */
#ifndef MAQET_QEMU_MIGRATION_SPLIT_H
#define MAQET_QEMU_MIGRATION_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAQET_SPLIT_PAGE = 4096 /* bytes, of the guest */ };

struct maqet_split_plan {
    int memory;        /* an empty file for the memory, for reading and writing */
    int rest;          /* for the rest of the stream, from its present offset */
    const char *block; /* QEMU's name of the memory ("pc.ram") */
    uint64_t size;     /* of the memory, in bytes; a multiple of MAQET_SPLIT_PAGE */
    /* The size of the guest's pages varies with the machine type, so the stream must say
     * it. Otherwise it is MAQET_SPLIT_PAGE. */
    bool pages_vary;
};

struct maqet_split;

/* The plan's block stays the caller's, and must remain. NULL: out of memory. */
struct maqet_split *maqet_split_new(const struct maqet_split_plan *plan);
void maqet_split_free(struct maqet_split *split);

/* Takes the next bytes of the stream. Returns 0, or an error number: the files are
 * incomplete. */
int maqet_split_feed(struct maqet_split *split, const void *bytes, size_t length);

/* The stream has ended. Returns 0 or an error number, as above. */
int maqet_split_finish(struct maqet_split *split);

/* Why the stream is whole, and the file for the memory useless; NULL: it is split. */
const char *maqet_split_whole(const struct maqet_split *split);

#endif
