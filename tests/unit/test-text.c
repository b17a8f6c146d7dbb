/* SPDX-License-Identifier: MIT */
/* Strings that grow, vectors of strings, and words. */
#include "core/base/text.h"

#include "tests/unit/unit.h"

static void
test_format(void)
{
    _cleanup_free_ char *text = maqet_format("%s-%d", "a", 5);
    _cleanup_free_ char *part = maqet_strndup("abcdef", 3);
    _cleanup_free_ char *whole = maqet_strndup("abc", 30);

    UNIT_SAME(text, "a-5");
    UNIT_SAME(part, "abc");
    UNIT_SAME(whole, "abc");
    UNIT_SAME(maqet_strdup(NULL), NULL);
}

static void
test_alloc(void)
{
    _cleanup_free_ unsigned char *bytes = maqet_alloc(100);
    unsigned sum = 0;

    for (size_t i = 0; i < 100; i++)
        sum += bytes[i];
    CU_ASSERT_EQUAL(sum, 0);
    _cleanup_free_ void *nothing = maqet_alloc(0);
    CU_ASSERT_PTR_NOT_NULL(nothing);
    nothing = maqet_realloc(nothing, 0);
    CU_ASSERT_PTR_NOT_NULL(nothing);
}

static void
test_buffer(void)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    _cleanup_free_ char *empty = maqet_text_take(&text);

    UNIT_SAME(empty, "");
    maqet_text_append(&text, "one");
    maqet_text_append_bytes(&text, " two three", 4);
    maqet_text_appendf(&text, " %d%%", 3);
    maqet_text_append(&text, "");
    UNIT_SAME(text.data, "one two 3%");
    CU_ASSERT_EQUAL(text.length, 10);
    maqet_text_append_bytes(&text, "\0x", 2);
    CU_ASSERT_EQUAL(text.length, 12);
    CU_ASSERT_EQUAL(memcmp(text.data, "one two 3%\0x", 13), 0);
    _cleanup_free_ char *taken = maqet_text_take(&text);
    UNIT_SAME(taken, "one two 3%");
    CU_ASSERT_PTR_NULL(text.data);
    CU_ASSERT_EQUAL(text.length, 0);
}

static void
test_buffer_grows(void)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    for (int i = 0; i < 10000; i++)
        maqet_text_append(&text, "0123456789");
    CU_ASSERT_EQUAL(text.length, 100000);
    CU_ASSERT_EQUAL(strlen(text.data), 100000);
    CU_ASSERT_EQUAL(text.data[99999], '9');
}

static void
test_vector(void)
{
    _cleanup_strings_ struct maqet_strings strings = MAQET_STRINGS_INIT;
    _cleanup_free_ char *nothing = maqet_strings_join(&strings, ", ");

    UNIT_SAME(nothing, "");
    CU_ASSERT_FALSE(maqet_strings_has(&strings, "x"));
    maqet_strings_sort(&strings);
    maqet_strings_add(&strings, "pear");
    maqet_strings_addf(&strings, "%s%d", "apple", 2);
    maqet_strings_take(&strings, maqet_strdup("fig"));
    CU_ASSERT_EQUAL(strings.count, 3);
    CU_ASSERT_PTR_NULL(strings.items[3]);
    CU_ASSERT_TRUE(maqet_strings_has(&strings, "fig"));
    CU_ASSERT_FALSE(maqet_strings_has(&strings, "fi"));
    _cleanup_free_ char *before = maqet_strings_join(&strings, ", ");
    maqet_strings_sort(&strings);
    _cleanup_free_ char *after = maqet_strings_join(&strings, "|");
    UNIT_SAME(before, "pear, apple2, fig");
    UNIT_SAME(after, "apple2|fig|pear");
    maqet_strings_clear(&strings);
    CU_ASSERT_EQUAL(strings.count, 0);
    CU_ASSERT_PTR_NULL(strings.items);
}

static void
test_starts(void)
{
    CU_ASSERT_TRUE(maqet_text_starts("maqet-x", "maqet-"));
    CU_ASSERT_TRUE(maqet_text_starts("a", ""));
    CU_ASSERT_FALSE(maqet_text_starts("maqe", "maqet"));
    CU_ASSERT_FALSE(maqet_text_starts("", "a"));
}

static void
test_closest(void)
{
    static const char *const words[] = {"interface", "file",   "size", "name",
                                        "readonly",  "memory", "vga",  "storage_dir"};
    static const char *const cases[][2] = {
        {"intreface", "interface"},
        {"interfaec", "interface"},
        {"fiel", "file"},
        {"sizes", "size"},
        {"siz", "size"},
        {"nmae", "name"},
        {"read_only", "readonly"},
        {"memroy", "memory"},
        {"Memory", "memory"},
        {"vgaa", "vga"},
        {"storage-dir", "storage_dir"},
        {"file", "file"},
        {"x", NULL},
        {"", NULL},
        {"nonsense", NULL},
        {"abc", NULL},
        {"network", NULL},
        /* Of a short word, most is right. */
        {"nam", "name"},
        {"sign", NULL},
        {"via", "vga"},
        {"vnc", NULL},
    };
    _cleanup_strings_ struct maqet_strings known = MAQET_STRINGS_INIT;
    _cleanup_free_ char *longest = maqet_alloc(66);

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        maqet_strings_add(&known, words[i]);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        UNIT_SAME(maqet_text_closest(cases[i][0], &known), cases[i][1]);
    memset(longest, 'a', 65);
    maqet_strings_add(&known, longest);
    UNIT_SAME(maqet_text_closest(longest, &known), NULL);
}

static void
test_closest_of_several(void)
{
    _cleanup_strings_ struct maqet_strings known = MAQET_STRINGS_INIT;

    UNIT_SAME(maqet_text_closest("hdd", &known), NULL);
    maqet_strings_add(&known, "hdd12");
    maqet_strings_add(&known, "hdd1");
    maqet_strings_add(&known, "hdd2");
    UNIT_SAME(maqet_text_closest("hdd", &known), "hdd1");
    maqet_strings_add(&known, "hdd");
    UNIT_SAME(maqet_text_closest("hdd", &known), "hdd");
}

static void
test_readable(void)
{
    static const char ten[] = "0123456789";
    _cleanup_free_ char *sixty =
        maqet_format("%s%s%s%s%s%s", ten, ten, ten, ten, ten, ten);
    _cleanup_free_ char *more = maqet_format("%sx", sixty);
    _cleanup_free_ char *cut = maqet_format("%s...", sixty);
    _cleanup_free_ char *half = maqet_format("%.59sü%s", sixty, ten);
    _cleanup_free_ char *no_half = maqet_format("%.59s...", sixty);
    const char *const cases[][2] = {
        {"", ""},        {"a b", "a b"}, {"a\nb\tc\x1b[1m\x7f", "a?b?c?[1m?"},
        {"ü€", "ü€"},    {sixty, sixty}, {more, cut},
        {half, no_half},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *readable = maqet_text_readable(cases[i][0]);

        UNIT_SAME(readable, cases[i][1]);
    }
}

static void
test_commas(void)
{
    static const char *const cases[][2] = {
        {"", ""}, {"a", "a"}, {",", ",,"}, {"a,b,,c", "a,,b,,,,c"}, {"ü,", "ü,,"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *doubled = maqet_text_double_commas(cases[i][0]);

        UNIT_SAME(doubled, cases[i][1]);
    }
}

static void
test_sizes(void)
{
    static const struct {
        uint64_t bytes;
        const char *people;
        const char *exact;
    } cases[] = {
        {0, "0B", "0"},
        {1, "1B", "1"},
        {1023, "1023B", "1023"},
        {1024, "1.0KB", "1K"},
        {1025, "1.0KB", "1025"},
        {1536, "1.5KB", "1536"},
        {UINT64_C(20) << 30, "20.0GB", "20G"},
        {(UINT64_C(20) << 30) + 512, "20.0GB", "21474836992"},
        {(UINT64_C(3) << 30) / 2, "1.5GB", "1536M"},
        {(1 << 20) - 1, "1.0MB", "1048575"},
        {(1 << 30) - 1, "1.0GB", "1073741823"},
        {UINT64_C(15) << 40, "15.0TB", "15T"},
        {UINT64_C(1) << 60, "1.0EB", "1E"},
        {UINT64_MAX, "16.0EB", "18446744073709551615"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *people = maqet_text_bytes(cases[i].bytes);
        _cleanup_free_ char *exact = maqet_text_size(cases[i].bytes);

        UNIT_SAME(people, cases[i].people);
        UNIT_SAME(exact, cases[i].exact);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"formatting and copying", test_format},
        {"memory", test_alloc},
        {"a string that grows", test_buffer},
        {"a string that grows much", test_buffer_grows},
        {"a vector of strings", test_vector},
        {"how a text begins", test_starts},
        {"the closest word", test_closest},
        {"the closest of several words", test_closest_of_several},
        {"readable in a message", test_readable},
        {"commas are doubled", test_commas},
        {"sizes for people and exact ones", test_sizes},
        CU_TEST_INFO_NULL,
    };

    return unit_run("text", tests);
}
