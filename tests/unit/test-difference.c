/* SPDX-License-Identifier: MIT */
/* How two lists of lines differ, compared with what diff(1) writes. */
#include "core/base/difference.h"
#include "tests/unit/unit.h"

#define DIFFERENCE(before, after, text) difference(before, after, text, __LINE__)

/* Each letter is a line. */
static void
lines_of(const char *letters, struct maqet_strings *lines)
{
    for (; *letters; letters++)
        maqet_strings_addf(lines, "%c", *letters);
}

static void
difference(const char *before, const char *after, const char *wanted, unsigned line)
{
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;

    lines_of(before, &then);
    lines_of(after, &now);
    _cleanup_difference_ struct maqet_difference found = maqet_difference_of(&then, &now);
    _cleanup_free_ char *text = maqet_difference_text(&found, "old", "new");
    unit_same(text, wanted, __FILE__, line);
    CU_ASSERT_EQUAL(found.differs, *wanted != '\0');
}

static void
test_as_diff_writes(void)
{
    DIFFERENCE("", "", "");
    DIFFERENCE("abc", "abc", "");
    DIFFERENCE("", "ab", "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    DIFFERENCE("a", "", "--- old\n+++ new\n@@ -1 +0,0 @@\n-a\n");
    DIFFERENCE("abcde", "abxde",
               "--- old\n+++ new\n@@ -1,5 +1,5 @@\n a\n b\n-c\n+x\n d\n e\n");
    DIFFERENCE("abcdefghijklm", "abcdefghijkxlm",
               "--- old\n+++ new\n@@ -9,5 +9,6 @@\n i\n j\n k\n+x\n l\n m\n");
    /* Two changes that are far from each other. */
    DIFFERENCE("abcdefghijkl", "bcdefghijklm",
               "--- old\n+++ new\n@@ -1,4 +1,3 @@\n-a\n b\n c\n d\n"
               "@@ -10,3 +9,4 @@\n j\n k\n l\n+m\n");
    /* The most lines in common. */
    DIFFERENCE("abcd", "xbcy",
               "--- old\n+++ new\n@@ -1,4 +1,4 @@\n-a\n+x\n b\n c\n-d\n+y\n");
}

/* So long that not all pairs are compared: still a difference that is right. */
static void
test_long_lists(void)
{
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    enum { COUNT = 3000 };
    size_t removed = 0, added = 0;

    for (int i = 0; i < COUNT; i++) {
        maqet_strings_addf(&then, "then %d", i);
        maqet_strings_addf(&now, "now %d", i);
    }
    _cleanup_difference_ struct maqet_difference found = maqet_difference_of(&then, &now);
    for (size_t i = 0; i < found.count; i++) {
        removed += found.lines[i].sign == '-';
        added += found.lines[i].sign == '+';
    }
    CU_ASSERT_EQUAL(removed, COUNT);
    CU_ASSERT_EQUAL(added, COUNT);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"as diff writes", test_as_diff_writes},
        {"long lists", test_long_lists},
        CU_TEST_INFO_NULL,
    };

    return unit_run("difference", tests);
}
