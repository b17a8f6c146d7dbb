/* SPDX-License-Identifier: MIT */
/*
 * footprint.h - what a plugin may change of the process in which it runs, and must not:
 * compared before and after. And the memory of the process.
 */
#ifndef MAQET_CONFORMANCE_FOOTPRINT_H
#define MAQET_CONFORMANCE_FOOTPRINT_H

#include "core/base/error.h"

/* Adds a line for each: working directory, umask, locale, users, signals, timers, limits,
 * priority, environment. */
void footprint_of_process(struct maqet_strings *lines);

/* Adds "NUMBER -> FILE" for each open descriptor. */
void footprint_of_descriptors(struct maqet_strings *lines);

/* The first line of a list that is not in the other one; NULL: all are. */
const char *footprint_missing(const struct maqet_strings *list,
                              const struct maqet_strings *in);

/* Bytes that the process has allocated, and those that it has mapped. The first are 0
 * where that is not known: with another allocator than the C library's. */
struct footprint_memory {
    uint64_t allocated;
    uint64_t mapped;
};

struct footprint_memory footprint_of_memory(void);

#endif
