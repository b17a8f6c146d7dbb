/* SPDX-License-Identifier: MIT */
/*
 * seeded-start.c - a storage plugin whose drives are created for each start.
 */
#define FOR_EACH_START 1
#include "seeded-folder.c"
