/* SPDX-License-Identifier: MIT */
/*
 * usage.h - what a snapshot costs: the bytes that deleting it alone would free. No tool
 * of QEMU's tells; it follows from the image's reference counts and L2 tables.
 */
#ifndef QCOW2_USAGE_H
#define QCOW2_USAGE_H

#include "plugins/qcow2/snapshots.h"

/* Fills used[i] for each snapshot of the table. Returns 0, or -1 with *fault set; an
 * image that QEMU is writing to may fail, or give figures that are a moment old. */
int qcow2_usage_read(int fd, const struct qcow2_header *header,
                     const struct qcow2_snapshots *snapshots, uint64_t *used,
                     const char **fault);

#endif
