/* SPDX-License-Identifier: MIT */
/*
 * stream.h - reads the memory from the stream of a state as QEMU does, and knows nothing of
 * core/qemu/migration_split.c.
 */
#ifndef MAQET_FUZZ_STREAM_H
#define MAQET_FUZZ_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { STREAM_PAGE = 4096, STREAM_NAME = 256 };

struct stream {
    const unsigned char *bytes;
    size_t length, at;
    bool short_of;
};

static inline uint64_t
stream_number(struct stream *stream, size_t size)
{
    uint64_t number = 0;

    stream->short_of = stream->short_of || size > stream->length - stream->at;
    for (size_t i = 0; !stream->short_of && i < size; i++)
        number = number << 8 | stream->bytes[stream->at++];
    return number;
}

static inline void
stream_bytes(struct stream *stream, size_t size, char *bytes)
{
    stream->short_of = stream->short_of || size > stream->length - stream->at;
    if (stream->short_of)
        return;
    memcpy(bytes, stream->bytes + stream->at, size);
    stream->at += size;
}

static inline void
stream_name(struct stream *stream, char name[STREAM_NAME])
{
    size_t length = (size_t)stream_number(stream, 1);

    memset(name, 0, STREAM_NAME);
    stream_bytes(stream, length, name);
}

/* Reads until the first record; false: that is not how a stream begins. */
static inline bool
stream_preamble(struct stream *stream, uint64_t *section)
{
    char name[STREAM_NAME];
    bool addresses = false;

    if (stream_number(stream, 8) != UINT64_C(0x5145564d00000003) ||
        stream_number(stream, 1) != 7)
        return false;
    uint64_t length = stream_number(stream, 4);
    if (length >= STREAM_NAME)
        return false;
    stream_bytes(stream, (size_t)length, name);
    for (;;) {
        uint64_t type = stream_number(stream, 1);

        if (type == 1)
            break;
        if (type != 5)
            return false;
        stream_name(stream, name);
        stream_number(stream, 4);
        uint64_t value = stream_number(stream, 4);
        if (strcmp(name, "configuration/target-page-bits") == 0 && value == 12)
            continue;
        if (strcmp(name, "configuration/capabilities") != 0)
            return false;
        for (; value > 0 && !stream->short_of; value--) {
            stream_name(stream, name);
            addresses = true;
            if (strcmp(name, "x-ignore-shared") != 0)
                return false;
        }
    }
    *section = stream_number(stream, 4);
    stream_name(stream, name);
    stream_number(stream, 4);
    if (strcmp(name, "ram") != 0 || stream_number(stream, 4) != 4)
        return false;
    uint64_t left = stream_number(stream, 8);
    if (left % STREAM_PAGE != 4)
        return false;
    for (left -= 4; left > 0 && !stream->short_of;) {
        stream_name(stream, name);
        uint64_t size = stream_number(stream, 8);
        stream_number(stream, addresses ? 8 : 0);
        if (size == 0 || size > left)
            return false;
        left -= size;
    }
    return !stream->short_of;
}

/* Reads a record; false: it is not known. *end: it was the last one of its part. */
static inline bool
stream_record(struct stream *stream, const char *block, char *memory, uint64_t size,
              char current[STREAM_NAME], bool *end)
{
    uint64_t number = stream_number(stream, 8), flags = number % STREAM_PAGE;
    uint64_t offset = number - flags;
    char name[STREAM_NAME], page[STREAM_PAGE];

    *end = flags == 0x10;
    if (flags == 0x10 || flags == 0x200)
        return !stream->short_of;
    if ((flags & ~(uint64_t)0x20) != 2 && (flags & ~(uint64_t)0x20) != 8)
        return false;
    memcpy(name, current, sizeof(name));
    if (!(flags & 0x20))
        stream_name(stream, name);
    if (flags & 8)
        stream_bytes(stream, sizeof(page), page);
    else
        memset(page, (int)stream_number(stream, 1), sizeof(page));
    bool ours = strcmp(name, block) == 0;
    if (stream->short_of || !*name || (ours && offset >= size))
        return false;
    if (ours)
        memcpy(memory + offset, page, sizeof(page));
    memcpy(current, name, STREAM_NAME);
    return true;
}

/* Reads a stream, and stores the pages of a block. Returns the offset of the first thing that
 * is not known, such as a section of devices. */
static inline size_t
stream_read(const unsigned char *bytes, size_t length, const char *block, char *memory,
            uint64_t size)
{
    struct stream stream = {.bytes = bytes, .length = length};
    char current[STREAM_NAME] = "";
    uint64_t section = 0;
    bool end = false;

    if (!stream_preamble(&stream, &section))
        return 0;
    for (;;) {
        size_t before = stream.at;

        if (!end) {
            if (!stream_record(&stream, block, memory, size, current, &end))
                return before;
            continue;
        }
        uint64_t type = stream_number(&stream, 1);
        if (type == 0x7e) {
            if (stream_number(&stream, 4) != section || stream.short_of)
                return before;
            before = stream.at;
            type = stream_number(&stream, 1);
        }
        if ((type != 2 && type != 3) || stream_number(&stream, 4) != section ||
            stream.short_of)
            return before;
        end = false;
    }
}

#endif
