/* SPDX-License-Identifier: MIT */
/*
 * header.h - what a qcow2 image says of itself, read before QEMU opens it. The layout is
 * in QEMU's docs/interop/qcow2.txt. Images come from strangers: nothing that stands in
 * one is trusted, and what is out of bounds is a fault, never a guess.
 */
#ifndef QCOW2_HEADER_H
#define QCOW2_HEADER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    QCOW2_NAME_MAX = 1023, /* bytes of a file name; the format's own limit */
    QCOW2_FORMAT_MAX = 15, /* bytes of a format's name; QEMU's limit */
};

/* Crypt methods. */
enum { QCOW2_CRYPT_NONE = 0, QCOW2_CRYPT_AES = 1, QCOW2_CRYPT_LUKS = 2 };

/* Incompatible features: an image with one that isn't known must not be opened. */
#define QCOW2_DIRTY (UINT64_C(1) << 0)
#define QCOW2_CORRUPT (UINT64_C(1) << 1)
#define QCOW2_DATA_FILE (UINT64_C(1) << 2)
#define QCOW2_COMPRESSION_TYPE (UINT64_C(1) << 3)
#define QCOW2_EXTENDED_L2 (UINT64_C(1) << 4)
#define QCOW2_KNOWN_FEATURES                                                             \
    (QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_DATA_FILE | QCOW2_COMPRESSION_TYPE |            \
     QCOW2_EXTENDED_L2)

struct qcow2_header {
    uint32_t version;
    uint32_t cluster_bits;
    uint64_t virtual_size;
    uint32_t crypt_method;
    uint64_t incompatible_features;
    uint64_t l1_table_offset;
    uint32_t l1_size; /* entries */
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t refcount_bits; /* the width of one: 1, 2, 4, ... 64 */
    uint32_t snapshot_count;
    uint64_t snapshots_offset;
    uint32_t bitmap_count; /* dirty bitmaps that are stored in it */
    uint64_t bitmaps_size; /* bytes of their directory */
    uint64_t bitmaps_offset;
    char backing_file[QCOW2_NAME_MAX + 1];     /* "": none */
    char backing_format[QCOW2_FORMAT_MAX + 1]; /* "": not said */
    char data_file[QCOW2_NAME_MAX + 1];        /* "": none, or not named */
};

/* Whether the guest's data is in another file than the image. */
bool qcow2_has_data_file(const struct qcow2_header *header);

/* Returns 0, or -1 with *fault set to what is wrong, as the end of a sentence. The places
 * and sizes of the tables are as the image has them: their readers check them. */
int qcow2_header_read(int fd, struct qcow2_header *header, const char **fault);

#endif
