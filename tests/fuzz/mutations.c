/* SPDX-License-Identifier: MIT */
/*
 * mutations.c - the fuzz target as a test: the corpus, and inputs made of it by chance
 * that is the same every time. MAQET_FUZZ_ROUNDS makes it longer, MAQET_FUZZ_SEED another
 * one.
 */
#include <string.h>

#include "core/base/files.h"
#include "tests/fuzz/chance.h"
#include "tests/fuzz/config.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 10000, LENGTH_LIMIT = 4096 };

static char *
corpus_folder(void)
{
    const char *top = getenv("abs_top_srcdir");

    return maqet_format("%s/tests/fuzz/corpus", top ? top : ".");
}

static void
read_corpus(struct maqet_strings *texts)
{
    _cleanup_free_ char *folder = corpus_folder();
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list(folder, &names, NULL), 0);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);
        char *text = NULL;

        CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, LENGTH_LIMIT, &text, NULL, NULL), 0);
        maqet_strings_take(texts, text);
    }
    CU_ASSERT_TRUE_FATAL(texts->count >= 8);
}

/* What means something to YAML or to us, and so is worth putting anywhere. */
static const char *const pieces[] = {
    "\n",
    "\n  ",
    "\n- ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "# ",
    "\t",
    "\r\n",
    "<<: *a",
    "? ",
    "%TAG ! x\n",
    "---\n",
    "...\n",
    "+++\n",
    "~",
    "null",
    "\\",
    "\\x00",
    "\xff",
    "\xc3",
    "\xef\xbb\xbf",
    "\xe2\x80\xa8",
    "\x1b",
    "name: a",
    "storage:\n- name: a\n",
    "arguments:\n- m: 1\n",
    "inner: {format: none}",
    "size: 1.5G",
    "-m",
    "0x7f",
    "=",
};

/* Replaces @count bytes at @at by a text. */
static void
splice(struct maqet_text *text, size_t at, size_t count, const char *with, size_t length)
{
    struct maqet_text spliced = MAQET_TEXT_INIT;

    maqet_text_append_bytes(&spliced, text->data, at);
    maqet_text_append_bytes(&spliced, with, length);
    maqet_text_append_bytes(&spliced, text->data + at + count, text->length - at - count);
    maqet_text_clear(text);
    *text = spliced;
}

static void
mutate(struct maqet_text *text, const struct maqet_strings *corpus, uint64_t *state)
{
    size_t at = chance(state, text->length + 1), left = text->length - at;
    size_t count = left ? chance(state, left < 16 ? left : 16) : 0;
    const char *piece = pieces[chance(state, sizeof(pieces) / sizeof(*pieces))];
    const char *other = corpus->items[chance(state, corpus->count)];
    char byte = (char)(1 + chance(state, 255));

    switch (chance(state, 6)) {
    case 0:
        splice(text, at, count, "", 0);
        break;
    case 1:
        splice(text, at, left > 0, &byte, 1);
        break;
    case 2:
    case 3:
        splice(text, at, 0, piece, strlen(piece));
        break;
    case 4: {
        _cleanup_free_ char *copy = maqet_strndup(text->data + at, count);
        splice(text, chance(state, text->length + 1), 0, copy, strlen(copy));
        break;
    }
    default: {
        size_t from = chance(state, strlen(other) + 1);
        splice(text, at, left, other + from, strlen(other + from));
    }
    }
}

static void
test_corpus(void)
{
    _cleanup_strings_ struct maqet_strings corpus = MAQET_STRINGS_INIT;

    read_corpus(&corpus);
    for (size_t i = 0; i < corpus.count; i++)
        CU_ASSERT_EQUAL(LLVMFuzzerTestOneInput((const uint8_t *)corpus.items[i],
                                               strlen(corpus.items[i])),
                        0);
}

static void
test_mutations(void)
{
    _cleanup_strings_ struct maqet_strings corpus = MAQET_STRINGS_INIT;
    uint64_t rounds = number_of("MAQET_FUZZ_ROUNDS", ROUNDS);
    uint64_t state = number_of("MAQET_FUZZ_SEED", 88172645463325252);

    read_corpus(&corpus);
    for (uint64_t round = 0; round < rounds; round++) {
        _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
        uint64_t changes = 1 + chance(&state, 8);

        maqet_text_append(&text, corpus.items[round % corpus.count]);
        while (changes-- > 0)
            if (text.length < LENGTH_LIMIT)
                mutate(&text, &corpus, &state);
        LLVMFuzzerTestOneInput((const uint8_t *)text.data, text.length);
    }
    CU_PASS("no promise was broken");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the corpus", test_corpus},
        {"mutations of the corpus", test_mutations},
        CU_TEST_INFO_NULL,
    };

    return unit_run("fuzz", tests);
}
