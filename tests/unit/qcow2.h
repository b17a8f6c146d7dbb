/* SPDX-License-Identifier: MIT */
/*
 * qcow2.h - what the tests of the readers of qcow2 share: QEMU's tools, and numbers as
 * they lie in an image.
 */
#ifndef MAQET_UNIT_QCOW2_H
#define MAQET_UNIT_QCOW2_H

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "core/base/process.h"
#include "tests/unit/unit.h"

static inline bool
unit_have_qemu_tools(void)
{
    _cleanup_free_ char *image = maqet_process_find("qemu-img");
    _cleanup_free_ char *io = maqet_process_find("qemu-io");

    return image && io;
}

/* Runs a program, which must succeed. Returns its output; the caller frees. */
static inline char *
unit_run_strings(const struct maqet_strings *argv)
{
    _cleanup_error_ struct maqet_error *err = NULL;
    char *output = NULL;

    maqet_process_run((const char *const *)argv->items, unit_patience(60000), &output,
                      &err);
    UNIT_NO_ERROR(&err);
    return output;
}

/* The same with the program and its arguments up to a NULL, whose output doesn't matter.
 */
static inline void
unit_tool(const char *program, ...)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    const char *argument;
    va_list arguments;

    maqet_strings_add(&argv, program);
    va_start(arguments, program);
    while ((argument = va_arg(arguments, const char *)))
        maqet_strings_add(&argv, argument);
    va_end(arguments);
    free(unit_run_strings(&argv));
}

/* The bytes of an image; the caller frees. */
static inline uint8_t *
unit_image_read(const char *path, size_t *length)
{
    char *data = NULL;

    if (maqet_file_read(path, (size_t)1 << 30, &data, length, NULL) < 0)
        abort();
    return (uint8_t *)data;
}

/* A file without a name that has these bytes. The caller closes. */
static inline int
unit_image_open(const uint8_t *image, size_t length)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    if (fd < 0 || write(fd, image, length) != (ssize_t)length)
        abort();
    return fd;
}

/* Numbers of @bytes bytes, big-endian. */
static inline void
unit_put(uint8_t *image, size_t offset, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++)
        image[offset + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static inline uint64_t
unit_get(const uint8_t *image, size_t offset, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | image[offset + i];
    return value;
}

/* xorshift64: the same numbers in each run. */
static inline uint64_t
unit_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 8;
}

#endif
