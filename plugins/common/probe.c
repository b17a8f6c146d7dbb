/* SPDX-License-Identifier: MIT */
#include "plugins/common/probe.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int
probe_read(int fd, void *buffer, size_t size, uint64_t offset)
{
    char *to = buffer;
    size_t done = 0;

    if (offset > INT64_MAX - size) {
        errno = EOVERFLOW;
        return -1;
    }
    memset(buffer, 0, size);
    while (done < size) {
        ssize_t got = pread(fd, to + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return 0;
}

/*
 * The formats whose mistaken use as a raw disk would matter. LUKS is not among them: a
 * guest that encrypts its whole disk leaves that very magic number on a raw image of
 * ours.
 */
static const struct {
    const char *format;
    size_t offset;
    const char *magic;
    size_t length;
} magics[] = {
    {"qcow", 0, "QFI\xfb\0\0\0\1", 8},
    {"qcow2", 0, "QFI\xfb", 4},
    {"vmdk", 0, "KDMV", 4},
    {"vmdk", 0, "COWD", 4},
    {"vmdk", 0, "# Disk DescriptorFile", 21},
    {"vdi", 64, "\x7f\x10\xda\xbe", 4},
    {"vhdx", 0, "vhdxfile", 8},
    {"vpc", 0, "conectix", 8},
    {"qed", 0, "QED\0", 4},
    {"parallels", 0, "WithoutFreeSpace", 16},
    {"parallels", 0, "WithouFreSpacExt", 16},
};

const char *
probe_format(int fd)
{
    char start[68];

    if (probe_read(fd, start, sizeof(start), 0) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
        if (memcmp(start + magics[i].offset, magics[i].magic, magics[i].length) == 0)
            return magics[i].format;
    return "raw";
}

int
probe_size(int fd, uint64_t *bytes)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0)
        return -1;
    *bytes = (uint64_t)end;
    return 0;
}
