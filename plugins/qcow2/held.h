/* SPDX-License-Identifier: MIT */
/*
 * held.h - how much a qcow2 image holds itself, rather than its backing file.
 */
#ifndef QCOW2_HELD_H
#define QCOW2_HELD_H

#include <stdint.h>

#include "plugins/qcow2/header.h"

/* The bytes that the guest sees of what the image has allocated for its active state, in
 * whole clusters, or subclusters where it has them. Reads the tables only. Returns 0, or
 * -1 with *fault set. */
int qcow2_held_read(int fd, const struct qcow2_header *header, uint64_t *bytes,
                    const char **fault);

#endif
