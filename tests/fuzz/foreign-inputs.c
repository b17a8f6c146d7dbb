/* SPDX-License-Identifier: MIT */
/*
 * foreign-inputs.c - the fuzz target as a test: each character of Unicode once, each byte
 * everywhere in one, and texts made of what is harmful by chance that is the same every
 * time. MAQET_FUZZ_ROUNDS makes it longer, MAQET_FUZZ_SEED another one.
 */
#include <string.h>

#include "core/base/text.h"
#include "tests/fuzz/chance.h"
#include "tests/fuzz/foreign.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 5000, LENGTH_LIMIT = 4096, LONG_ROUNDS = 20, LONG_LIMIT = 200000 };

static void
feed(const struct maqet_text *text)
{
    LLVMFuzzerTestOneInput((const uint8_t *)(text->data ? text->data : ""), text->length);
}

/* As UTF-8 would have it, also what UTF-8 forbids. */
static void
append_code(struct maqet_text *text, uint32_t code)
{
    const unsigned char bytes[] = {(unsigned char)(0xf0 | code >> 18),
                                   (unsigned char)(0x80 | (code >> 12 & 0x3f)),
                                   (unsigned char)(0x80 | (code >> 6 & 0x3f)),
                                   (unsigned char)(0x80 | (code & 0x3f))};
    const unsigned char two[] = {(unsigned char)(0xc0 | code >> 6), bytes[3]};
    const unsigned char three[] = {(unsigned char)(0xe0 | code >> 12), bytes[2],
                                   bytes[3]};
    const char one = (char)code;

    if (code < 0x80)
        maqet_text_append_bytes(text, &one, 1);
    else if (code < 0x800)
        maqet_text_append_bytes(text, (const char *)two, 2);
    else if (code < 0x10000)
        maqet_text_append_bytes(text, (const char *)three, 3);
    else
        maqet_text_append_bytes(text, (const char *)bytes, 4);
}

/* In lines of some hundred, so that not each of them has to be looked at alone. */
static void
test_all_characters(void)
{
    for (uint32_t first = 0; first <= 0x1fffff; first += 0x100) {
        _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

        /* All planes are alike but for the first two and that of the tags. */
        if (first >= 0x20000 && first < 0xe0000)
            continue;
        if (first >= 0xe2000 && first < 0x10f000)
            continue;
        if (first >= 0x112000)
            break;
        for (uint32_t code = first; code < first + 0x100; code++)
            append_code(&text, code);
        feed(&text);
    }
    CU_PASS("no promise was broken");
}

static void
test_all_bytes(void)
{
    static const char character[] = "\xf0\x9f\x98\x80";

    for (size_t length = 1; length <= 4; length++)
        for (size_t at = 0; at < length; at++)
            for (int byte = 0; byte < 256; byte++) {
                _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

                maqet_text_append_bytes(&text, character, length);
                text.data[at] = (char)byte;
                maqet_text_append(&text, "z");
                feed(&text);
            }
    CU_PASS("no promise was broken");
}

/* What means something to a terminal, to a reader of messages, or to a format. */
static const char *const pieces[] = {
    "\n",
    "\r\n",
    "\nERROR: ",
    "\nWARNING: ",
    "\n  1. rm -rf /",
    "\t",
    "\b",
    "\a",
    "\x7f",
    "\x1b[2J",
    "\x1b]0;title\a",
    "\x1b[1;31m",
    "\x1b[0m",
    "\x9b",
    "\x85",
    "\xff",
    "\xc0\xaf",
    "\xed\xa0\x80",
    "\xed\xb0\x80",
    "\xf4\x90\x80\x80",
    "\xe2\x80",
    "\xef\xbf\xbd",
    ("\xef\xbf\xbd"
     "ff"),
    "\xef\xbb\xbf",
    "\xc2\x9b",
    "\xc2\x85",
    "\xe2\x80\xae",
    "\xe2\x81\xa6",
    "\xe2\x80\x8b",
    "\xe2\x80\x8d",
    "\xe2\x80\xa8",
    "\xf3\xa0\x81\x81",
    "\xef\xbf\xbe",
    "\xe4\xb8\xad",
    "u\xcc\x88",
    "\xcc\x88",
    "\xf0\x9f\x98\x80",
    "\\",
    "\\x1b",
    "\\u202e",
    "\\0033",
    "'",
    "\"",
    "$(touch x)",
    "`touch x`",
    "${IFS}",
    "%s",
    "%n",
    " ",
    "      ",
    ": ",
    "- ",
    "# ",
    "{}",
    "<<",
    "null",
    "a",
    "bc",
    "… (5 bytes) …",
};

static void
append_piece(struct maqet_text *text, uint64_t *state)
{
    char byte = (char)chance(state, 256);

    switch (chance(state, 8)) {
    case 0:
        maqet_text_append_bytes(text, &byte, 1);
        break;
    case 1:
        append_code(text, (uint32_t)chance(state, 0x120000));
        break;
    case 2:
        append_code(text, (uint32_t)chance(state, 0x3000));
        break;
    default: {
        const char *piece = pieces[chance(state, sizeof(pieces) / sizeof(*pieces))];

        /* Also cut off. */
        maqet_text_append_bytes(text, piece, strlen(piece) - (chance(state, 10) == 0));
    }
    }
}

static void
run_rounds(uint64_t rounds, uint64_t limit, uint64_t *state)
{
    for (uint64_t round = 0; round < rounds; round++) {
        _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
        /* Most are short. */
        uint64_t length = chance(state, 1 + chance(state, limit));

        while (text.length < length)
            append_piece(&text, state);
        feed(&text);
    }
}

static void
test_chance(void)
{
    uint64_t state = number_of("MAQET_FUZZ_SEED", 88172645463325252);

    run_rounds(number_of("MAQET_FUZZ_ROUNDS", ROUNDS), 64, &state);
    run_rounds(number_of("MAQET_FUZZ_ROUNDS", ROUNDS) / 20, LENGTH_LIMIT, &state);
    run_rounds(LONG_ROUNDS, LONG_LIMIT, &state);
    CU_PASS("no promise was broken");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"all characters", test_all_characters},
        {"all bytes", test_all_bytes},
        {"texts by chance", test_chance},
        CU_TEST_INFO_NULL,
    };

    return unit_run("foreign text", tests);
}
