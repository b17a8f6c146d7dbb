/* SPDX-License-Identifier: MIT */
/* Rows as tables, fields and tab-separated values; what a text takes on a terminal. */
#include <locale.h>
#include <string.h>

#include "cli/table.h"
#include "cli/terminal.h"
#include "core/base/text.h"
#include "tests/unit/unit.h"

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},       {"size", "SIZE", COLUMN_BYTES},
    {"cpu", "CPU", COLUMN_PERCENT},      {"uptime", "UPTIME", COLUMN_DURATION},
    {"status", "STATUS", COLUMN_STATUS}, {0},
};

static void
check_table(const char *rows, bool colour, const char *expected)
{
    _cleanup_json_ json_object *json = json_tokener_parse(rows);
    _cleanup_free_ char *text = table_text(columns, json, colour);

    UNIT_SAME(text, expected);
}

static void
test_table(void)
{
    check_table("[]", false, "NAME  SIZE  CPU  UPTIME  STATUS\n");
    check_table("[{'name': 'a', 'size': 20971520, 'cpu': 3.25, 'uptime': 61, "
                "'status': 'running'}, {'name': 'longer', 'size': null}]",
                false,
                "NAME      SIZE   CPU  UPTIME  STATUS\n"
                "a       20.0MB  3.2%  1m 01s  running\n"
                "longer       -     -       -  -\n");
}

static void
test_colours(void)
{
    check_table("[{'name': 'a', 'status': 'crashed'}]", true,
                "\033[1mNAME\033[0m  \033[1mSIZE\033[0m  \033[1mCPU\033[0m  "
                "\033[1mUPTIME\033[0m  \033[1mSTATUS\033[0m\n"
                "a        -    -       -  \033[1;31mcrashed\033[0m\n");
}

static void
test_durations(void)
{
    static const struct column column[] = {{"t", "t", COLUMN_DURATION}, {0}};
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},        {59, "59s"},        {60, "1m 00s"},   {3599, "59m 59s"},
        {3600, "1h 00m"}, {86399, "23h 59m"}, {86400, "1d 0h"}, {31536000, "365d 0h"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_json_ json_object *row = json_object_new_object();
        json_object_object_add(row, "t", json_object_new_int64(cases[i].seconds));
        _cleanup_free_ char *text = table_fields(column, row, false);
        _cleanup_free_ char *expected = maqet_format("t  %s\n", cases[i].text);
        UNIT_SAME(text, expected);
    }
}

static void
test_fields(void)
{
    _cleanup_json_ json_object *row =
        json_tokener_parse("{'name': 'x', 'size': null, 'uptime': 5}");
    _cleanup_free_ char *text = table_fields(columns, row, false);

    /* What is null is left out. */
    UNIT_SAME(text, "NAME    x\nUPTIME  5s\n");
}

static void
test_plain(void)
{
    _cleanup_json_ json_object *row = json_tokener_parse(
        "{'name': 'a\\tb\\nc\\\\d\\u001b\xff', 'size': 20971520, 'uptime': 61}");
    _cleanup_free_ char *text = table_plain(columns, row);

    UNIT_SAME(text, "a\\tb\\nc\\\\d\\0033\\0377\t20971520\t\t61\t\n");
}

static void
test_fixed_column(void)
{
    static const struct column fixed[] = {
        {"storage", "", COLUMN_FIXED}, {"name", "NAME", COLUMN_TEXT}, {0}};
    _cleanup_json_ json_object *rows = json_tokener_parse("[{'name': 'hdd'}]");
    _cleanup_free_ char *table = table_text(fixed, rows, false);
    _cleanup_free_ char *plain = table_plain(fixed, json_object_array_get_idx(rows, 0));

    UNIT_SAME(table, "         NAME\nstorage  hdd\n");
    UNIT_SAME(plain, "storage\thdd\n");
}

static void
test_widths(void)
{
    CU_ASSERT_EQUAL(text_width(""), 0);
    CU_ASSERT_EQUAL(text_width("abc"), 3);
    setlocale(LC_CTYPE, "C");
    CU_ASSERT_EQUAL(text_width("\303\274"), 1); /* one column, whatever is known of it */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    CU_ASSERT_EQUAL(text_width("\303\274"), 1);     /* a letter of two bytes */
    CU_ASSERT_EQUAL(text_width("\344\270\255"), 2); /* one that is two columns wide */
    CU_ASSERT_EQUAL(text_width("u\314\210"), 1);    /* a mark above another letter */
    CU_ASSERT_EQUAL(text_width("a\377b"), 3);       /* no UTF-8 */
    CU_ASSERT_EQUAL(text_width("a\303"), 2);        /* cut off */
    CU_ASSERT_EQUAL(text_fitting("\344\270\255bc", 1), 0);
    CU_ASSERT_EQUAL(text_fitting("\344\270\255bc", 3), 4);
    CU_ASSERT_EQUAL(text_fitting("u\314\210", 1), 3);
    check_table("[{'name': '\344\270\255'}, {'name': 'abcde'}]", false,
                "NAME   SIZE  CPU  UPTIME  STATUS\n"
                "\344\270\255        -    -       -  -\n"
                "abcde     -    -       -  -\n");
    setlocale(LC_CTYPE, "C");
}

/* One value that is very long does not make all lines as long. */
static void
test_wide_values(void)
{
    static const struct column two[] = {
        {"a", "A", COLUMN_TEXT}, {"b", "B", COLUMN_TEXT}, {0}};
    _cleanup_json_ json_object *rows = json_tokener_parse("[{'b': 'x'}, {'b': 'y'}]");
    _cleanup_free_ char *wide = maqet_format("%0300d", 0);

    json_object_object_add(json_object_array_get_idx(rows, 0), "a",
                           json_object_new_string(wide));
    json_object_object_add(json_object_array_get_idx(rows, 1), "a",
                           json_object_new_string("short"));
    _cleanup_free_ char *text = table_text(two, rows, false);
    _cleanup_free_ char *wanted =
        maqet_format("%-256s  B\n%s  x\n%-256s  y\n", "A", wide, "short");
    UNIT_SAME(text, wanted);
}

static void
test_wrapping(void)
{
    static const struct {
        const char *paragraph;
        size_t indent, width;
        const char *wrapped;
    } cases[] = {
        {"", 0, 10, ""},
        {"one two", 0, 10, "one two"},
        {"one two three", 0, 10, "one two\nthree"},
        {"one two three", 2, 10, "one two\n  three"},
        {"incomprehensible", 0, 5, "incomprehensible"},
        {"a incomprehensible b", 1, 5, "a\n incomprehensible\n b"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *wrapped =
            text_wrap(cases[i].paragraph, cases[i].indent, cases[i].width);
        UNIT_SAME(wrapped, cases[i].wrapped);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a table", test_table},
        {"colours", test_colours},
        {"durations", test_durations},
        {"fields of one object", test_fields},
        {"tab-separated values", test_plain},
        {"a fixed column", test_fixed_column},
        {"widths", test_widths},
        {"wide values", test_wide_values},
        {"wrapping", test_wrapping},
        CU_TEST_INFO_NULL,
    };

    return unit_run("table", tests);
}
