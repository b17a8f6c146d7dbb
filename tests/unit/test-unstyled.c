/* SPDX-License-Identifier: MIT */
/* What was written to a terminal, as lines. */
#include <string.h>

#include "core/base/unstyled.h"
#include "tests/unit/unit.h"

/* The whole in one piece, and byte by byte, which must not matter. */
static void
check(const char *bytes, size_t length, const char *wanted, unsigned line)
{
    _cleanup_text_ struct maqet_text whole = MAQET_TEXT_INIT, pieces = MAQET_TEXT_INIT;
    struct maqet_unstyled one = MAQET_UNSTYLED_INIT, other = MAQET_UNSTYLED_INIT;

    maqet_unstyled_add(&one, bytes, length, &whole);
    maqet_unstyled_end(&one, &whole);
    unit_same(whole.data ? whole.data : "", wanted, __FILE__, line);
    for (size_t i = 0; i < length; i++)
        maqet_unstyled_add(&other, bytes + i, 1, &pieces);
    maqet_unstyled_end(&other, &pieces);
    unit_same(pieces.data ? pieces.data : "", wanted, __FILE__, line);
}

#define IS(bytes, wanted) check(bytes, sizeof(bytes) - 1, wanted, __LINE__)

static void
test_lines(void)
{
    IS("", "");
    IS("one\r\ntwo\n", "one\ntwo\n");
    IS("one\r\r\ntwo", "one\ntwo");
    IS("10 %\r20 %\r\n", "10 %\n20 %\n");
    IS("\rstart\r", "start");
    IS("a\0b\ac\b", "abc");
    IS("tab\tand \x01", "tab\tand \x01");
}

static void
test_control_sequences(void)
{
    IS("[\033[0;32m  OK  \033[0m] up\r\n", "[  OK  ] up\n");
    IS("\033[2J\033[1;1H\033[?25lboot", "boot");
    IS("\033]0;title\adone", "done");
    IS("\033]8;;http://x\033\\link", "link");
    IS("\033Pq#0\033\\after", "after");
    IS("\033(Bplain\0337\0338", "plain");
    IS("\033\033[1mx", "x");
    /* One that never ends hides no line but its own. */
    IS("\033]0;never\nline", "\nline");
    IS("\033[12\nline", "\nline");
}

static void
test_characters(void)
{
    IS("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
       "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    IS("\xc3(\x80\xff", "\xc3(\x80\xff");
    IS("\xe2\x82", "\xe2\x82");

    /* A character is never in two pieces. */
    struct maqet_unstyled unstyled = MAQET_UNSTYLED_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    maqet_unstyled_add(&unstyled, "a\xe2\x82", 3, &text);
    UNIT_SAME(text.data, "a");
    maqet_unstyled_add(&unstyled, "\xac", 1, &text);
    UNIT_SAME(text.data, "a\xe2\x82\xac");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"lines", test_lines},
        {"control sequences", test_control_sequences},
        {"characters", test_characters},
        CU_TEST_INFO_NULL,
    };

    return unit_run("unstyled", tests);
}
