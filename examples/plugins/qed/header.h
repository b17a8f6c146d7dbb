/* SPDX-License-Identifier: MIT */
/*
 * header.h - what an image of the format QED says of itself (QEMU's docs/interop/qed_spec.rst).
 * The functions return what is wrong with the image, or NULL.
 */
#ifndef QED_HEADER_H
#define QED_HEADER_H

#include <stdint.h>

/* Of the images that qemu-img makes, in bytes: a cluster, a table of clusters, and how much of the
 * disk one table describes. There are two levels of tables. */
#define QED_CLUSTER UINT64_C(65536)
#define QED_TABLE (4 * QED_CLUSTER)
#define QED_PER_TABLE (QED_TABLE / 8 * QED_CLUSTER)
#define QED_SIZE_MAX (INT64_C(64) << 40)

struct qed_header {
    uint32_t cluster_size; /* bytes */
    uint32_t table_size;   /* clusters */
    uint64_t l1_offset;
    uint64_t size; /* bytes that the guest sees */
    char backing_name[1024];
};

const char *qed_header_read(int fd, struct qed_header *header);
const char *qed_header_read_at(const char *path, struct qed_header *header);

/* How many bytes of the disk are in the image itself, by its tables. */
const char *qed_count(int fd, const struct qed_header *header, uint64_t *bytes);

#endif
