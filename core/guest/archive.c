/* SPDX-License-Identifier: MIT */
#include "core/guest/archive.h"

#include <string.h>

/* A header of the ustar format (POSIX.1, pax): where its fields are. */
enum { SIZE_AT = 124, SIZE_LENGTH = 12, TYPE_AT = 156, OCTAL_BITS = 3, BINARY = 0x80 };

/* A number is octal digits, or binary if its first bit is set (GNU tar). */
static uint64_t
read_size(const unsigned char *field)
{
    uint64_t size = 0;

    if (field[0] & BINARY) {
        for (int i = 1; i < SIZE_LENGTH; i++)
            size = size << 8 | field[i];
        return size;
    }
    for (int i = 0; i < SIZE_LENGTH; i++)
        if (field[i] >= '0' && field[i] <= '7')
            size = size << OCTAL_BITS | (uint64_t)(field[i] - '0');
    return size;
}

/* Links, devices, folders and pipes have no content, whatever their size says. */
static bool
has_content(char type)
{
    return !strchr("123456", type) || type == '\0';
}

static int
check_header(struct maqet_archive *archive, struct maqet_error **err)
{
    char type = (char)archive->header[TYPE_AT];
    uint64_t size = read_size(archive->header + SIZE_AT);

    archive->filled = 0;
    if (type == '3' || type == '4')
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "'%.100s' is a device, which is not copied",
                               (const char *)archive->header);
    if (size > INT64_MAX)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "What the guest sends is not a tar archive");
    archive->content = has_content(type) ? (size + MAQET_ARCHIVE_BLOCK - 1) /
                                               MAQET_ARCHIVE_BLOCK * MAQET_ARCHIVE_BLOCK
                                         : 0;
    return 0;
}

int
maqet_archive_check(struct maqet_archive *archive, const char *bytes, size_t count,
                    struct maqet_error **err)
{
    while (count > 0) {
        size_t step =
            archive->content > 0 ? count : sizeof(archive->header) - archive->filled;

        if (step > count)
            step = count;
        if (archive->content > 0) {
            if (step > archive->content)
                step = (size_t)archive->content;
            archive->content -= step;
        } else {
            memcpy(archive->header + archive->filled, bytes, step);
            archive->filled += step;
            if (archive->filled == sizeof(archive->header) &&
                check_header(archive, err) < 0)
                return -1;
        }
        bytes += step;
        count -= step;
    }
    return 0;
}
