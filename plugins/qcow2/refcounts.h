/* SPDX-License-Identifier: MIT */
/*
 * refcounts.h - how many references each cluster of a qcow2 image has, and what remains
 * of them when some are dropped. Only the image's reading is meant: nothing is written.
 */
#ifndef QCOW2_REFCOUNTS_H
#define QCOW2_REFCOUNTS_H

#include "plugins/qcow2/header.h"

#include <stddef.h>

struct qcow2_refcount_block;

/* Opaque but for its size. */
struct qcow2_refcounts {
    int fd;
    uint32_t cluster_bits;
    uint32_t order;                      /* the width of a refcount: 1 << order bits */
    uint64_t clusters;                   /* of the file, the last one maybe in part */
    uint64_t *table;                     /* the offset of each block */
    struct qcow2_refcount_block *blocks; /* as many, filled as they are needed */
    size_t count;
    size_t allocated; /* bytes */
    uint32_t round;
};

/* Reads the refcount table. Returns 0, or -1 with *fault set; to be closed in any case.
 */
int qcow2_refcounts_open(struct qcow2_refcounts *refcounts, int fd,
                         const struct qcow2_header *header, const char **fault);

void qcow2_refcounts_close(struct qcow2_refcounts *refcounts);

/* Forgets what was dropped. */
void qcow2_refcounts_restore(struct qcow2_refcounts *refcounts);

/* Drops one reference to the cluster at @offset. *refcount is what it has in the image,
 * *left what remains of it. To drop more than there are is a fault, as is an offset
 * outside of the file. Returns 0, or -1 with *fault set. */
int qcow2_refcounts_drop(struct qcow2_refcounts *refcounts, uint64_t offset,
                         uint64_t *refcount, uint64_t *left, const char **fault);

#endif
