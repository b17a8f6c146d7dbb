/* SPDX-License-Identifier: MIT */
/* config.h - the one entry of the fuzz target, as libFuzzer calls it. */
#ifndef MAQET_FUZZ_CONFIG_H
#define MAQET_FUZZ_CONFIG_H

#include <stddef.h>
#include <stdint.h>

/* Puts a text through the reader, the merger, the options and the writer. Aborts when one
 * of them breaks a promise. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
