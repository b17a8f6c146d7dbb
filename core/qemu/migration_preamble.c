/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_preamble.h"

#include <endian.h>
#include <string.h>

enum {
    MAGIC = 0x5145564d,
    VERSION_STREAM = 3,
    VERSION_RAM = 4, /* of the section "ram" */
    PAGE_BITS = 12,
    NAME_SIZE = 256,
    CAPABILITIES = 64, /* more than QEMU has */
};

struct reader {
    const struct maqet_split_plan *plan;
    const unsigned char *at;
    size_t left;
    bool short_of_bytes;
    const char *reason;
    bool page_bits_known;
    bool has_addresses; /* of the blocks, because of x-ignore-shared */
};

/* ---- numbers and names ---- */

/* Takes a number of so many bytes; 0 if there are not that many. */
static uint64_t
take(struct reader *reader, size_t size)
{
    uint64_t number = 0;

    if (reader->left < size) {
        reader->short_of_bytes = true;
        reader->left = 0;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        number = number << 8 | reader->at[i];
    reader->at += size;
    reader->left -= size;
    return number;
}

static uint32_t
take32(struct reader *reader)
{
    return (uint32_t)take(reader, sizeof(uint32_t));
}

/* Takes so many bytes as a text, of which nothing is used if there are not that many. */
static void
take_text(struct reader *reader, size_t length, char text[NAME_SIZE])
{
    *text = '\0';
    if (reader->left < length) {
        reader->short_of_bytes = true;
        reader->left = 0;
        return;
    }
    memcpy(text, reader->at, length);
    text[length] = '\0';
    reader->at += length;
    reader->left -= length;
}

static void
take_name(struct reader *reader, char name[NAME_SIZE])
{
    take_text(reader, (size_t)take(reader, 1), name);
}

/* Whether to go on. Notes the reason if what was read is not as expected. */
static bool
expect(struct reader *reader, bool expected, const char *reason)
{
    if (reader->short_of_bytes)
        return false;
    if (!expected && !reader->reason)
        reader->reason = reason;
    return !reader->reason;
}

/* ---- the parts ---- */

static bool
read_header(struct reader *reader)
{
    uint32_t magic = take32(reader), version = take32(reader);
    uint64_t type = take(reader, 1);
    uint32_t length = take32(reader);
    char machine[NAME_SIZE];

    if (!expect(reader, magic == MAGIC && version == VERSION_STREAM,
                "its header is not the known one") ||
        !expect(reader, type == MAQET_STREAM_CONFIGURATION, "it has no configuration") ||
        !expect(reader, length > 0 && length < NAME_SIZE, "it names no machine type"))
        return false;
    take_text(reader, length, machine);
    return expect(reader, true, NULL);
}

static bool
read_capabilities(struct reader *reader)
{
    uint32_t count = take32(reader);
    char name[NAME_SIZE];

    if (!expect(reader, count <= CAPABILITIES, "it needs too many capabilities"))
        return false;
    while (count-- > 0) {
        take_name(reader, name);
        reader->has_addresses = strcmp(name, "x-ignore-shared") == 0;
        if (!expect(reader, reader->has_addresses, "it needs an unexpected capability"))
            return false;
    }
    return true;
}

/* What else the configuration consists of, and the type of the first section. */
static bool
read_configuration(struct reader *reader)
{
    uint64_t type;

    while ((type = take(reader, 1)) == MAQET_STREAM_SUBSECTION) {
        char name[NAME_SIZE];

        take_name(reader, name);
        take32(reader);
        if (strcmp(name, "configuration/target-page-bits") == 0) {
            reader->page_bits_known = take32(reader) == PAGE_BITS;
            if (!expect(reader, reader->page_bits_known,
                        "the guest's pages have an unusual size"))
                return false;
        } else if (!expect(reader, strcmp(name, "configuration/capabilities") == 0,
                           "its configuration has an unknown part") ||
                   !read_capabilities(reader)) {
            return false;
        }
    }
    return expect(reader, type == MAQET_STREAM_START, "it does not begin with a section");
}

static bool
read_start(struct reader *reader, uint32_t *section)
{
    char name[NAME_SIZE];

    *section = take32(reader);
    take_name(reader, name);
    take32(reader);
    uint32_t version = take32(reader);
    return expect(reader, strcmp(name, "ram") == 0 && version == VERSION_RAM,
                  "it does not begin with the memory") &&
           expect(reader, !reader->plan->pages_vary || reader->page_bits_known,
                  "it does not say the size of the guest's pages");
}

static void
read_sizes(struct reader *reader)
{
    uint64_t left = take(reader, sizeof(uint64_t));
    bool found = false;

    if (!expect(reader, left % MAQET_SPLIT_PAGE == MAQET_RECORD_SIZES,
                "it does not begin with the sizes of the memory"))
        return;
    left -= MAQET_RECORD_SIZES;
    while (left > 0) {
        char name[NAME_SIZE];

        take_name(reader, name);
        uint64_t size = take(reader, sizeof(size));
        if (reader->has_addresses)
            take(reader, sizeof(uint64_t));
        bool ours = strcmp(name, reader->plan->block) == 0;
        if (!expect(reader, *name && size > 0 && size <= left,
                    "the sizes of the memory in it do not add up") ||
            !expect(reader, !ours || (!found && size == reader->plan->size),
                    "the memory in it has another size"))
            return;
        found = found || ours;
        left -= size;
    }
    expect(reader, found, "the guest's memory is not in it");
}

bool
maqet_preamble_read(const struct maqet_split_plan *plan, const unsigned char *bytes,
                    size_t length, uint32_t *section, const char **reason)
{
    struct reader reader = {.plan = plan, .at = bytes, .left = length};

    if (read_header(&reader) && read_configuration(&reader) &&
        read_start(&reader, section))
        read_sizes(&reader);
    *reason = reader.reason;
    return !reader.short_of_bytes;
}
