/* SPDX-License-Identifier: MIT */
/*
 * file_dedupe.h - files that have data in common share it on the disk.
 */
#ifndef MAQET_BASE_FILE_DEDUPE_H
#define MAQET_BASE_FILE_DEDUPE_H

#include <stdint.h>

/* Lets @to share what is equal at the same offsets of @from with it. Both are open for reading, @to
 * also for writing, on the same file system. Neither the content of @to nor its times change: the
 * kernel compares again what it shares. Returns how many bytes they share now; 0 if the
 * file system cannot do so. An interrupt or an error ends it early, with nothing lost. */
uint64_t maqet_file_dedupe(int from, int to);

#endif
