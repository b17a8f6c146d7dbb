/* SPDX-License-Identifier: MIT */
/*
 * slow.h - how much slower than usual the tests may be: MAQET_TEST_SLOW, a whole number,
 * by which every limit of every test is multiplied. In shell it is `patience` in
 * tests/functional/functions.sh.
 */
#ifndef MAQET_TESTS_SLOW_H
#define MAQET_TESTS_SLOW_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The factor; 1 when nothing is said. What is no number from 1 to 1000 ends the program.
 */
static inline int
slow_factor(void)
{
    const char *text = getenv("MAQET_TEST_SLOW");
    char *end;

    if (!text || !*text)
        return 1;
    long factor = strtol(text, &end, 10);
    if (*end || factor < 1 || factor > 1000) {
        fprintf(stderr,
                "MAQET_TEST_SLOW must be a whole number from 1 to 1000, not '%s'\n",
                text);
        exit(99);
    }
    return (int)factor;
}

/* @ms (or any other unit of time), on such a machine. */
static inline int64_t
slow_ms(int64_t ms)
{
    return ms * slow_factor();
}

#endif
