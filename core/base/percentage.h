/* SPDX-License-Identifier: MIT */
/*
 * percentage.h - the progress that a program such as qemu-img writes to its standard output:
 * "(12.34/100%)", again and again.
 */
#ifndef MAQET_BASE_PERCENTAGE_H
#define MAQET_BASE_PERCENTAGE_H

#include <stddef.h>

/* All zero at the beginning, but for the percentage. */
struct maqet_percentage {
    double percent; /* negative: not known so far */
    char line[64];  /* the end of the output */
    size_t length;
};

#define MAQET_PERCENTAGE_INIT ((struct maqet_percentage){.percent = -1})

/* Reads a piece of the output. */
void maqet_percentage_read(struct maqet_percentage *percentage, const char *bytes,
                           size_t count);

#endif
