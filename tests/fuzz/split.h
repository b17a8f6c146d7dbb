/* SPDX-License-Identifier: MIT */
#ifndef MAQET_FUZZ_SPLIT_H
#define MAQET_FUZZ_SPLIT_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when something that split.c promises does not hold for this input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
