/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/header.h"

#include "plugins/qcow2/bytes.h"

enum {
    LENGTH_2 = 72,  /* of the header, in version 2 */
    LENGTH_3 = 104, /* at least, in version 3 */
    CLUSTER_BITS_MIN = 9,
    CLUSTER_BITS_MAX = 21,
    REFCOUNT_ORDER_2 = 4, /* in version 2, whose header doesn't say it */
    REFCOUNT_ORDER_MAX = 6,
    EXTENSIONS_MAX = 256, /* QEMU writes four; the limit is ours */
};

enum {
    EXTENSION_END = 0,
    EXTENSION_BITMAPS = 0x23852875,
    EXTENSION_DATA_FILE = 0x44415441,
    BITMAPS_LENGTH = 24, /* of that extension */
};
static const uint32_t EXTENSION_BACKING_FORMAT = 0xe2792aca;

/*
 * Reads a text that the image holds. Control characters are refused: a NUL would make
 * QEMU see another name than we do, and the others would reach the user's terminal.
 */
static int
read_text(int fd, char *text, size_t length, uint64_t offset, const char **fault)
{
    if (qcow2_read(fd, text, length, offset, fault) < 0)
        return -1;
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return qcow2_fail(fault, "a name in its header has control characters in it");
    return 0;
}

static int
read_bitmaps(int fd, struct qcow2_header *header, uint32_t length, uint64_t offset,
             const char **fault)
{
    uint8_t data[BITMAPS_LENGTH];

    if (length < BITMAPS_LENGTH)
        return qcow2_fail(fault, "its header extension for bitmaps is too short");
    if (qcow2_read(fd, data, sizeof(data), offset, fault) < 0)
        return -1;
    header->bitmap_count = qcow2_be32(data);
    header->bitmaps_size = qcow2_be64(data + 8);
    header->bitmaps_offset = qcow2_be64(data + 16);
    return 0;
}

/* Reads the data of one extension, if it is one of those that matter here. */
static int
read_extension(int fd, struct qcow2_header *header, uint32_t type, uint32_t length,
               uint64_t offset, const char **fault)
{
    if (type == EXTENSION_BACKING_FORMAT) {
        if (length > QCOW2_FORMAT_MAX)
            return qcow2_fail(fault, "the name of its backing format is too long");
        return read_text(fd, header->backing_format, length, offset, fault);
    }
    if (type == EXTENSION_DATA_FILE) {
        if (length > QCOW2_NAME_MAX)
            return qcow2_fail(fault, "the name of its data file is too long");
        return read_text(fd, header->data_file, length, offset, fault);
    }
    if (type == EXTENSION_BITMAPS)
        return read_bitmaps(fd, header, length, offset, fault);
    return 0;
}

/* The extensions follow the header and end with an empty one, or where @end is. */
static int
read_extensions(int fd, struct qcow2_header *header, uint64_t offset, uint64_t end,
                const char **fault)
{
    for (int count = 0; offset + 8 <= end; count++) {
        uint8_t start[8];

        if (qcow2_read(fd, start, sizeof(start), offset, fault) < 0)
            return -1;
        uint32_t type = qcow2_be32(start);
        uint32_t length = qcow2_be32(start + 4);
        offset += 8;
        if (type == EXTENSION_END)
            return 0;
        if (count == EXTENSIONS_MAX)
            return qcow2_fail(fault, "it has too many header extensions");
        if (length > end - offset)
            return qcow2_fail(fault, "a header extension is longer than the header");
        if (read_extension(fd, header, type, length, offset, fault) < 0)
            return -1;
        offset += ((uint64_t)length + 7) & ~UINT64_C(7);
    }
    return 0;
}

/* *end: where the header extensions must end. */
static int
read_backing_file(int fd, struct qcow2_header *header, const uint8_t *start,
                  uint32_t header_length, uint64_t *end, const char **fault)
{
    uint64_t cluster_size = UINT64_C(1) << header->cluster_bits;
    uint64_t offset = qcow2_be64(start + 8);
    uint32_t length = qcow2_be32(start + 16);

    *end = cluster_size;
    if (offset == 0)
        return 0;
    if (offset < header_length || offset > cluster_size || length > cluster_size - offset)
        return qcow2_fail(fault, "the name of its backing file is outside its header");
    if (length > QCOW2_NAME_MAX)
        return qcow2_fail(fault, "the name of its backing file is too long");
    *end = offset;
    return read_text(fd, header->backing_file, length, offset, fault);
}

/* Where the tables are. What stands there is for their own readers to judge, and for
 * damage.c. */
static void
read_places(struct qcow2_header *header, const uint8_t *start)
{
    header->l1_size = qcow2_be32(start + 36);
    header->l1_table_offset = qcow2_be64(start + 40);
    header->refcount_table_offset = qcow2_be64(start + 48);
    header->refcount_table_clusters = qcow2_be32(start + 56);
    header->snapshot_count = qcow2_be32(start + 60);
    header->snapshots_offset = qcow2_be64(start + 64);
}

/* Checks the fields of fixed size. */
static int
read_fields(struct qcow2_header *header, const uint8_t *start, uint32_t *header_length,
            const char **fault)
{
    uint32_t order = REFCOUNT_ORDER_2;

    header->version = qcow2_be32(start + 4);
    if (memcmp(start, "QFI\xfb", 4) != 0)
        return qcow2_fail(fault, "it doesn't begin as one");
    if (header->version != 2 && header->version != 3)
        return qcow2_fail(fault, "its version is neither 2 nor 3");
    header->cluster_bits = qcow2_be32(start + 20);
    if (header->cluster_bits < CLUSTER_BITS_MIN ||
        header->cluster_bits > CLUSTER_BITS_MAX)
        return qcow2_fail(fault, "its cluster size is out of bounds");
    header->virtual_size = qcow2_be64(start + 24);
    if (header->virtual_size > INT64_MAX)
        return qcow2_fail(fault, "its virtual size is out of bounds");
    header->crypt_method = qcow2_be32(start + 32);
    if (header->crypt_method > QCOW2_CRYPT_LUKS)
        return qcow2_fail(fault, "it is encrypted by a method that is not known");
    *header_length = LENGTH_2;
    if (header->version == 3) {
        header->incompatible_features = qcow2_be64(start + 72);
        *header_length = qcow2_be32(start + 100);
        if (*header_length < LENGTH_3 || *header_length % 8 != 0 ||
            *header_length > UINT32_C(1) << header->cluster_bits)
            return qcow2_fail(fault, "the length of its header is out of bounds");
        order = qcow2_be32(start + 96);
        if (order > REFCOUNT_ORDER_MAX)
            return qcow2_fail(fault, "the width of its refcounts is out of bounds");
    }
    header->refcount_bits = UINT32_C(1) << order;
    read_places(header, start);
    return 0;
}

bool
qcow2_has_data_file(const struct qcow2_header *header)
{
    return header->incompatible_features & QCOW2_DATA_FILE || header->data_file[0];
}

int
qcow2_header_read(int fd, struct qcow2_header *header, const char **fault)
{
    uint8_t start[LENGTH_3];
    uint32_t header_length;
    uint64_t size, end;

    *header = (struct qcow2_header){0};
    if (probe_size(fd, &size) < 0)
        return qcow2_fail(fault, strerror(errno));
    if (qcow2_read(fd, start, sizeof(start), 0, fault) < 0)
        return -1;
    if (size < LENGTH_2 || (size < LENGTH_3 && qcow2_be32(start + 4) >= 3))
        return qcow2_fail(fault, "it ends within its header");
    if (read_fields(header, start, &header_length, fault) < 0)
        return -1;
    if (read_backing_file(fd, header, start, header_length, &end, fault) < 0)
        return -1;
    return read_extensions(fd, header, header_length, end, fault);
}
