/* SPDX-License-Identifier: MIT */
/*
 * split-inputs.c - the fuzz target as a test: streams of records by chance that is the same
 * every time, with bytes of them changed. MAQET_FUZZ_ROUNDS makes it longer,
 * MAQET_FUZZ_SEED another one.
 */
#include <endian.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/fuzz/chance.h"
#include "tests/fuzz/split.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 20000, PAGE = 4096, PAGES = 16, SECTION = 2 };

static void
add_number(struct maqet_text *stream, uint64_t number, size_t size)
{
    uint64_t big = htobe64(number);

    maqet_text_append_bytes(stream, (const char *)&big + sizeof(big) - size, size);
}

static void
add_name(struct maqet_text *stream, const char *name)
{
    add_number(stream, strlen(name), 1);
    maqet_text_append(stream, name);
}

static void
begin(struct maqet_text *stream, uint64_t *state)
{
    static const char machine[] = "pc-q35-7.2";
    bool addresses = chance(state, 4) > 0;

    add_number(stream, UINT64_C(0x5145564d00000003), 8);
    add_number(stream, 7, 1);
    add_number(stream, strlen(machine), 4);
    maqet_text_append(stream, machine);
    if (addresses) {
        add_number(stream, 5, 1);
        add_name(stream, "configuration/capabilities");
        add_number(stream, 1, 4);
        add_number(stream, 1, 4);
        add_name(stream, "x-ignore-shared");
    }
    add_number(stream, 1, 1);
    add_number(stream, SECTION, 4);
    add_name(stream, "ram");
    add_number(stream, 0, 4);
    add_number(stream, 4, 4);
    add_number(stream, (PAGES + 2) * PAGE | 4, 8);
    add_name(stream, "pc.ram");
    add_number(stream, PAGES * PAGE, 8);
    add_number(stream, 0, addresses ? 8 : 0);
    add_name(stream, "vga.vram");
    add_number(stream, 2 * PAGE, 8);
    add_number(stream, 0, addresses ? 8 : 0);
}

/* A record, which is almost always as QEMU writes it. *current: the block before. */
static void
add_record(struct maqet_text *stream, uint64_t *state, int *current)
{
    static const char *const names[] = {"pc.ram", "vga.vram"};
    int block = chance(state, 5) == 0;
    bool zero = chance(state, 3) == 0;
    bool continues = block == *current && chance(state, 50) > 0;
    uint64_t page = chance(state, block ? 2 : PAGES + (chance(state, 40) == 0));
    char bytes[PAGE];

    add_number(stream, page * PAGE | (zero ? 2 : 8) | (continues ? 0x20 : 0), 8);
    if (!continues)
        add_name(stream, names[block]);
    *current = block;
    if (zero) {
        add_number(stream, chance(state, 60) == 0, 1);
        return;
    }
    memset(bytes, (int)chance(state, 256), sizeof(bytes));
    maqet_text_append_bytes(stream, bytes, sizeof(bytes));
}

static void
add_parts(struct maqet_text *stream, uint64_t *state)
{
    bool footers = chance(state, 4) > 0;
    uint64_t parts = chance(state, 4) + 1;
    int current = -1;

    for (uint64_t part = 0; part <= parts; part++) {
        for (uint64_t left = chance(state, 9); left > 0; left--)
            add_record(stream, state, &current);
        if (chance(state, 5) == 0)
            add_number(stream, 0x200, 8);
        add_number(stream, 0x10, 8);
        if (footers && chance(state, 40) > 0) {
            add_number(stream, 0x7e, 1);
            add_number(stream, SECTION + (chance(state, 40) == 0), 4);
        }
        add_number(stream, part < parts ? 2 : 3 + chance(state, 2), 1);
        if (part < parts)
            add_number(stream, SECTION + (chance(state, 40) == 0), 4);
    }
    maqet_text_append(stream, "devices and more of them");
}

/* Changes, repeats or removes some bytes. */
static void
spoil(struct maqet_text *stream, uint64_t *state)
{
    for (uint64_t left = chance(state, 3); left > 0 && stream->length > 0; left--) {
        size_t at = (size_t)chance(state, chance(state, 2)       ? stream->length
                                          : stream->length < 200 ? stream->length
                                                                 : 200);

        switch (chance(state, 3)) {
        case 0:
            stream->data[at] = (char)chance(state, 256);
            break;
        case 1:
            stream->data[at] ^= (char)(1 << chance(state, 8));
            break;
        default:
            stream->length = at;
        }
    }
}

static void
test_streams(void)
{
    uint64_t rounds = number_of("MAQET_FUZZ_ROUNDS", ROUNDS);
    uint64_t state = number_of("MAQET_FUZZ_SEED", 1);

    for (uint64_t round = 0; round < rounds; round++) {
        _cleanup_text_ struct maqet_text stream = MAQET_TEXT_INIT;

        begin(&stream, &state);
        add_parts(&stream, &state);
        spoil(&stream, &state);
        LLVMFuzzerTestOneInput((const uint8_t *)stream.data, stream.length);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"streams by chance", test_streams},
        CU_TEST_INFO_NULL,
    };

    return unit_run("fuzz-split", tests);
}
