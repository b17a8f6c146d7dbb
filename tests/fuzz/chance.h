/* SPDX-License-Identifier: MIT */
/*
 * chance.h - chance that is the same every time, and on every machine.
 */
#ifndef MAQET_FUZZ_CHANCE_H
#define MAQET_FUZZ_CHANCE_H

#include <stdint.h>
#include <stdlib.h>

/* A number below @below; xorshift64*, which is enough for this. */
static inline uint64_t
chance(uint64_t *state, uint64_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(2685821657736338717) >> 16) % below;
}

/* What an environment variable says, or another number. */
static inline uint64_t
number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    uint64_t number = text ? strtoull(text, NULL, 10) : 0;

    return number ? number : otherwise;
}

#endif
