/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - what the readers of this folder share: numbers as qcow2 stores them, and
 * reads whose failure is a fault of the image.
 */
#ifndef QCOW2_BYTES_H
#define QCOW2_BYTES_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "plugins/common/probe.h"

static inline uint32_t
be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint16_t
be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint64_t
be64(const uint8_t *at)
{
    return (uint64_t)be32(at) << 32 | be32(at + 4);
}

static inline int
fail(const char **fault, const char *what)
{
    *fault = what;
    return -1;
}

/* Reads @size bytes; what is beyond the file's end is zero. */
static inline int
read_at(int fd, void *buffer, size_t size, uint64_t offset, const char **fault)
{
    return probe_read(fd, buffer, size, offset) < 0 ? fail(fault, strerror(errno)) : 0;
}

#endif
