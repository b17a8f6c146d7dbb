/* SPDX-License-Identifier: MIT */
/* Words as a shell reads them. */
#include "core/base/printable.h"
#include "tests/unit/unit.h"

static void
check_word(const char *word, const char *expected)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    maqet_shell_append(&text, word);
    UNIT_SAME(text.data, expected);
}

static void
test_plain_words(void)
{
    check_word("-m", "-m");
    check_word("user,id=net0,hostfwd=tcp::2222-:22",
               "user,id=net0,hostfwd=tcp::2222-:22");
    check_word("/a/b_c.d@1%2+3", "/a/b_c.d@1%2+3");
}

static void
test_quoted_words(void)
{
    check_word("", "''");
    check_word("a b", "'a b'");
    check_word("$HOME `x` \"y\" \\ *~#!;&|<>()", "'$HOME `x` \"y\" \\ *~#!;&|<>()'");
    for (const char *c = " $`\"\\*~#!;&|<>()[]{}?^"; *c; c++) {
        _cleanup_free_ char *word = maqet_format("a%cb", *c);
        _cleanup_free_ char *quoted = maqet_format("'a%cb'", *c);
        check_word(word, quoted);
    }
    check_word("it's", "'it'\\''s'");
    check_word("\303\274", "'\303\274'");
}

static void
test_control_characters(void)
{
    check_word("a\nb", "$'a\\012b'");
    check_word("\033[0m it's \\ 1", "$'\\033[0m it\\'s \\\\ 1'");
    check_word("\302\233\302\240", "$'\\302\\233\302\240'"); /* U+009B and U+00A0 */
}

static void
test_always_quoted(void)
{
    static const char *const cases[][2] = {
        {"a", "'a'"}, {"it's", "'it'\\''s'"}, {"\n\xff", "$'\\012\\377'"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *word = maqet_shell_quoted(cases[i][0]);

        UNIT_SAME(word, cases[i][1]);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"plain words", test_plain_words},
        {"quoted words", test_quoted_words},
        {"control characters", test_control_characters},
        {"always quoted", test_always_quoted},
        CU_TEST_INFO_NULL,
    };

    return unit_run("shell", tests);
}
