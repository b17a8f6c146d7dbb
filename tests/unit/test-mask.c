/* SPDX-License-Identifier: MIT */
/* Texts that are kept secret: in which forms they are recognised, and until when. */
#include "core/base/error.h"
#include "core/base/mask.h"
#include "tests/unit/unit.h"

static const char owner, other;

#define MASKED(text, wanted) masked(text, wanted, __LINE__)

static void
masked(const char *text, const char *wanted, unsigned line)
{
    _cleanup_free_ char *shown = maqet_mask(maqet_strdup(text));

    unit_same(shown, wanted, __FILE__, line);
    CU_ASSERT_EQUAL(maqet_mask_finds(text), strcmp(text, wanted) != 0);
}

static void
hide(const char *secret)
{
    maqet_mask_add(&owner, secret, strlen(secret));
}

static void
test_forms(void)
{
    hide("a,b\"c\\d/e\x01");
    MASKED("a,b\"c\\d/e\x01", "***");
    MASKED("is a,b\"c\\d/e\x01, and a,b\"c\\d/e\x01!", "is ***, and ***!");
    MASKED("key=a,,b\"c\\d/e\x01", "key=***");
    MASKED("{\"k\": \"a,b\\\"c\\\\d/e\\u0001\"}", "{\"k\": \"***\"}");
    MASKED("{\"k\": \"a,b\\\"c\\\\d\\/e\\u0001\"}", "{\"k\": \"***\"}");
    MASKED("a,b\"c\\d/", "a,b\"c\\d/");
    MASKED("", "");
    UNIT_SAME(maqet_mask(NULL), NULL);
    maqet_mask_forget(&owner);
}

static void
test_lines(void)
{
    hide("  first line \r\nlast  line\nshort\n");
    MASKED("tail: last  line", "tail: ***");
    MASKED("[first line]", "[***]");
    MASKED("  first line \r\nlast  line\nshort\n", "***");
    /* A word is too likely to be in other texts. */
    MASKED("short", "short");
    maqet_mask_forget(&owner);
}

/* The content may have a NUL, at which a text ends. */
static void
test_bytes(void)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_mask_add(&owner, "12345678\0abcdefgh", 17);
    MASKED("x12345678x", "x***x");
    maqet_text_append_bytes(&text, "a\0b12345678c\0", 13);
    maqet_mask_buffer(&text);
    CU_ASSERT_EQUAL(text.length, 8);
    CU_ASSERT_EQUAL(memcmp(text.data, "a\0b***c\0", 9), 0);
    maqet_text_clear(&text);
    maqet_mask_forget(&owner);
}

static void
test_owners(void)
{
    hide("same secret");
    maqet_mask_add(&other, "same secret", 11);
    maqet_mask_forget(&owner);
    MASKED("the same secret", "the ***");
    maqet_mask_forget(&other);
    MASKED("the same secret", "the same secret");
}

static void
test_errors(void)
{
    struct maqet_error *error = NULL;

    hide("same secret");
    maqet_error_set(&error, MAQET_ERROR_FAILED, "it is %s", "same secret");
    maqet_error_hint(&error, "say %s", "same secret");
    maqet_error_remark(&error, "no %s", "same secret");
    maqet_error_wrap(&error, "with %s", "same secret");
    maqet_mask_forget(&owner);
    UNIT_SAME(error->message, "with ***: it is ***");
    UNIT_SAME(error->remark, "no ***");
    UNIT_SAME(error->hints.items[0].operands.items[0], "say ***");
    maqet_error_free(error);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"forms", test_forms},   {"lines", test_lines},   {"bytes", test_bytes},
        {"owners", test_owners}, {"errors", test_errors}, CU_TEST_INFO_NULL,
    };

    return unit_run("mask", tests);
}
