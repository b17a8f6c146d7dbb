/* SPDX-License-Identifier: MIT */
/*
 * usage.h - what each internal snapshot of a qcow2 image holds for itself: the bytes that
 * would become free if it alone were deleted. What snapshots share counts for none of
 * them, so the sum over all is less than what deleting all of them frees.
 */
#ifndef QCOW2_USAGE_H
#define QCOW2_USAGE_H

#include "plugins/qcow2/snapshots.h"

/*
 * Fills @used, which has room for one number for each snapshot, with bytes in whole
 * clusters. Only an image that QEMU would delete a snapshot from is counted: one with its
 * data in another file, one that is marked as corrupt, or as dirty (its refcounts are
 * then out of date until QEMU repairs them) is a fault. While a machine runs, its QEMU
 * may not have written all that it knows, and then too there can be faults. Returns 0, or
 * -1 with *fault set and @used as it may be.
 */
int qcow2_usage_read(int fd, const struct qcow2_header *header,
                     const struct qcow2_snapshots *snapshots, uint64_t *used,
                     const char **fault);

#endif
