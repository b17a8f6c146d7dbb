/* SPDX-License-Identifier: MIT */
/* Rows as tables, fields and tab-separated values; what a text takes on a terminal. */
#include <locale.h>
#include <string.h>

#include "cli/fold.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "core/base/text.h"
#include "tests/unit/unit.h"

struct row {
    const char *name;
    bool sized;
    uint64_t size;
    bool runs;
    double cpu;
    int64_t uptime;
    const char *status;
};

#define RUNS .known = MAQET_KNOWN(struct row, runs)
static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct row, {"name", MAQET_FIELD(struct row, name)},
    {"size", MAQET_FIELD(struct row, size), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct row, sized)},
    {"cpu", MAQET_FIELD(struct row, cpu), .unit = MAQET_UNIT_PERCENT, RUNS},
    {"up_time", MAQET_FIELD(struct row, uptime), .unit = MAQET_UNIT_SECONDS,
     .title = "UPTIME", RUNS},
    {"machine_status", MAQET_FIELD(struct row, status), .optional = true});

static char *
status_text(const void *row)
{
    return maqet_format("<%s>", ((const struct row *)row)->status);
}

static enum shade
status_shade(const void *row)
{
    const char *status = ((const struct row *)row)->status;

    return status && strcmp(status, "crashed") == 0 ? SHADE_RED : SHADE_NONE;
}

static const struct cell cells[] = {{"machine_status", status_text, status_shade}, {0}};
static const struct table table = {&fields, "name size cpu up_time machine_status",
                                   cells};

/* Takes the shades out of a text. */
static char *
without_shades(char *text)
{
    for (char *at = text; (at = strchr(at, '\033'));) {
        const char *after = strchr(at, 'm') + 1;

        memmove(at, after, strlen(after) + 1);
    }
    return text;
}

static void
check_table(const struct table *shown, const struct row *rows, size_t count,
            const char *expected)
{
    _cleanup_free_ char *text = without_shades(table_text(shown, rows, count));

    UNIT_SAME(text, expected);
}

static void
test_table(void)
{
    static const struct row rows[] = {
        {"a", true, 20971520, true, 3.25, 61, "running"},
        {.name = "longer"},
    };

    check_table(&table, NULL, 0, "NAME  SIZE  CPU  UPTIME  MACHINE STATUS\n");
    check_table(&table, rows, 2,
                "NAME      SIZE   CPU  UPTIME  MACHINE STATUS\n"
                "a       20.0MB  3.2%  1m 01s  <running>\n"
                "longer       -     -       -  -\n");
}

static void
test_colours(void)
{
    static const struct row row = {.name = "a", .status = "crashed"};
    static const struct table two = {&fields, "name machine_status", cells};

    _cleanup_free_ char *text = table_text(&two, &row, 1);
    UNIT_SAME(text, "\033[1mNAME\033[0m  \033[1mMACHINE STATUS\033[0m\n"
                    "a     \033[1;31m<crashed>\033[0m\n");
}

static void
test_durations(void)
{
    static const struct table column = {&fields, "up_time", NULL};
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},        {59, "59s"},        {60, "1m 00s"},   {3599, "59m 59s"},
        {3600, "1h 00m"}, {86399, "23h 59m"}, {86400, "1d 0h"}, {31536000, "365d 0h"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct row row = {.runs = true, .uptime = cases[i].seconds};
        _cleanup_free_ char *text = without_shades(table_fields(&column, &row));
        _cleanup_free_ char *expected = maqet_format("uptime  %s\n", cases[i].text);
        UNIT_SAME(text, expected);
    }
}

static void
test_fields(void)
{
    static const struct row row = {.name = "x", .runs = true, .cpu = 1, .uptime = 5};
    static const struct table some = {&fields, "name size up_time machine_status", cells};
    _cleanup_free_ char *text = without_shades(table_fields(&some, &row));

    /* What is null is left out. */
    UNIT_SAME(text, "name            x\nuptime          5s\n");
}

static void
test_plain(void)
{
    static const struct row row = {
        "a\tb\nc\\d\033\xff", true, 20971520, false, 0, 61, "running"};
    _cleanup_free_ char *text = table_plain(&table, &row);

    UNIT_SAME(text, "a\\tb\\nc\\\\d\\0033\\0377\t20971520\t\t\trunning\n");
}

static void
test_sentence(void)
{
    static const struct row row = {
        .name = "{size}", .sized = true, .size = 20971520, .status = "running"};
    _cleanup_free_ char *text = table_sentence(
        &table, "{name} of {size} is {machine_status}, up {up_time}.\n", &row);
    _cleanup_free_ char *fixed = table_sentence(&table, "Nothing.\n", &row);

    UNIT_SAME(text, "{size} of 20.0MB is <running>, up -.\n");
    UNIT_SAME(fixed, "Nothing.\n");
}

/* A column that has no field but a word, or nothing. */
static void
test_fixed_column(void)
{
    static const struct table fixed = {&fields, "=storage name = machine_status", NULL};
    static const struct row row = {.name = "hdd", .status = "s"};
    _cleanup_free_ char *plain = table_plain(&fixed, &row);

    check_table(&fixed, &row, 1, "         NAME    MACHINE STATUS\nstorage  hdd     s\n");
    UNIT_SAME(plain, "storage\thdd\t\ts\n");
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
    static const struct row rows[] = {{.name = "\344\270\255"}, {.name = "abcde"}};
    static const struct table two = {&fields, "name size", NULL};
    check_table(&two, rows, 2,
                "NAME   SIZE\n"
                "\344\270\255        -\n"
                "abcde     -\n");
    setlocale(LC_CTYPE, "C");
}

/* One value that is very long does not make all lines as long. */
static void
test_wide_values(void)
{
    static const struct table two = {&fields, "name machine_status", NULL};
    _cleanup_free_ char *wide = maqet_format("%0300d", 0);
    const struct row rows[] = {{.name = wide, .status = "x"},
                               {.name = "short", .status = "y"}};
    _cleanup_free_ char *text = without_shades(table_text(&two, rows, 2));
    _cleanup_free_ char *wanted =
        maqet_format("%-256s  MACHINE STATUS\n%s  x\n%-256s  y\n", "NAME", wide, "short");
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

#define FOLDED(text, columns, wanted) folded(text, columns, wanted, __LINE__)

static void
folded(const char *text, size_t columns, const char *wanted, unsigned line)
{
    _cleanup_free_ char *lines = fold_lines(text, columns);

    unit_same(lines, wanted, __FILE__, line);
}

static void
test_folding(void)
{
    FOLDED("", 10, "");
    FOLDED("one two three\n", SIZE_MAX, "one two three\n");
    FOLDED("one two\nthree four\n", 10, "one two\nthree four\n");
    FOLDED("one two three\n\nfour\n", 8, "one two\nthree\n\nfour\n");
    /* What follows is below what the first line says. */
    FOLDED("ERROR: one two three", 14, "ERROR: one two\n       three");
    FOLDED("  1. one two\n", 9, "  1. one\n     two\n");
    FOLDED("  kept  one two three", 17, "  kept  one two\n        three");
    FOLDED("a very long column  one two", 22, "a very long column\none two");
    /* A word is not broken, and shades have no width. */
    FOLDED("incomprehensible a b", 5, "incomprehensible\na b");
    FOLDED("\033[1;31mone\033[0m two three", 8, "\033[1;31mone\033[0m two\nthree");
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    FOLDED("ä ö ü", 3, "ä ö\nü");
    setlocale(LC_CTYPE, "C");
}

#define CUT(text, width, wanted) cut(text, width, wanted, __LINE__)

static void
cut(const char *text, size_t width, const char *wanted, unsigned line)
{
    _cleanup_free_ char *shorter = text_cut(text, width);

    unit_same(shorter, wanted, __FILE__, line);
}

static void
test_cut(void)
{
    CUT("short", 5, "short");
    CUT("", 3, "");
    CUT("/srv/images/web.qcow2", 12, "…s/web.qcow2");
    CUT("/srv/images/web.qcow2", 16, "…mages/web.qcow2");
    CUT("/srv/images/web.qcow2", 9, "/sr…qcow2");
    CUT("abcdef", 3, "a…f");
    /* Wide characters, of which none is cut in two. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    CUT("日本語日本語", 12, "日本語日本語");
    CUT("日本語日本語", 8, "日…本語");
    setlocale(LC_CTYPE, "C");
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
        {"a sentence", test_sentence},
        {"a fixed column", test_fixed_column},
        {"widths", test_widths},
        {"wide values", test_wide_values},
        {"wrapping", test_wrapping},
        {"broken lines", test_folding},
        {"cut", test_cut},
        CU_TEST_INFO_NULL,
    };

    return unit_run("table", tests);
}
