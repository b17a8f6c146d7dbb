/* SPDX-License-Identifier: MIT */
/*
 * migration_pages.h - the two files of a state that is split (migration_split.h), and how
 * they become one again. After the first error, which it keeps, nothing more is written.
 */
#ifndef MAQET_QEMU_MIGRATION_PAGES_H
#define MAQET_QEMU_MIGRATION_PAGES_H

#include "core/qemu/migration_split.h"

struct maqet_pages {
    int failed; /* an error number; 0: none */
    int memory;
    int rest;
    uint64_t size;
    bool any;            /* a page was set */
    unsigned char *seen; /* a bit for each page that was set */
    unsigned char *run;  /* neighbouring pages that are not written yet */
    uint64_t run_offset;
    size_t run_length;
    char *kept; /* bytes of the rest that are not written yet */
    size_t kept_length;
};

/* False: out of memory. */
bool maqet_pages_open(struct maqet_pages *pages, const struct maqet_split_plan *plan);
void maqet_pages_close(struct maqet_pages *pages);

/* Appends bytes, or a big-endian number, to the rest. */
void maqet_pages_keep(struct maqet_pages *pages, const void *bytes, size_t length);
void maqet_pages_keep_number(struct maqet_pages *pages, uint64_t number);

/* Writes a page of memory, or makes it zero (NULL). */
void maqet_pages_set(struct maqet_pages *pages, uint64_t offset, const void *page);

/* Appends all pages that were set to the rest, as records of the block. */
void maqet_pages_put_back(struct maqet_pages *pages, const char *block);

/* As if all pages were set, though with nothing to write. */
void maqet_pages_see_all(struct maqet_pages *pages);

/* Writes what is not written yet. */
void maqet_pages_flush(struct maqet_pages *pages);

/* The same, at the end. @whole: the file for the memory becomes empty. */
void maqet_pages_finish(struct maqet_pages *pages, bool whole);

#endif
