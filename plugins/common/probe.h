/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what a file really is, by its magic number, and how large it is. All of it
 * reads through a descriptor and trusts nothing of what it reads.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>

/* Reads @size bytes at @offset; what lies beyond the end of the file is read as zeroes,
 * as QEMU does. Returns 0, or -1 with errno set. */
int probe_read(int fd, void *buffer, size_t size, uint64_t offset);

/* QEMU's name of the image format, "raw" for what has no magic number that is known.
 * NULL with errno set when the file can't be read. */
const char *probe_format(int fd);

/* The size of a file or of a block device. Moves the file offset. Returns 0, or -1 with
 * errno set. */
int probe_size(int fd, uint64_t *bytes);

#endif
