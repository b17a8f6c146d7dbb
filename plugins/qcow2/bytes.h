/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - what the readers of qcow2 share: numbers as they lie in an image, big-endian,
 * and how a fault is reported.
 */
#ifndef QCOW2_BYTES_H
#define QCOW2_BYTES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "plugins/common/probe.h"

static inline uint16_t
qcow2_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t
qcow2_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t
qcow2_be64(const uint8_t *at)
{
    return (uint64_t)qcow2_be32(at) << 32 | qcow2_be32(at + 4);
}

static inline uint64_t
qcow2_round_up(uint64_t number, uint64_t power_of_two)
{
    return (number + power_of_two - 1) & ~(power_of_two - 1);
}

static inline int
qcow2_fail(const char **fault, const char *what)
{
    *fault = what;
    return -1;
}

/* What lies beyond the end of the file is read as zeroes. */
static inline int
qcow2_read(int fd, void *buffer, size_t size, uint64_t offset, const char **fault)
{
    return probe_read(fd, buffer, size, offset) < 0 ? qcow2_fail(fault, strerror(errno))
                                                    : 0;
}

#endif
