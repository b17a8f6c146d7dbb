/* SPDX-License-Identifier: MIT */
/* Structs as JSON and back, by their rows. */
#include "core/base/field.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

enum colour { RED, GREEN, NO_COLOUR };

static const char *
colour_name(unsigned number)
{
    static const char *const names[] = {"red", "green"};

    return number < 2 ? names[number] : NULL;
}

struct part {
    char *name;
    uint64_t size;
};

struct whole {
    char *name;
    bool ready;
    int pid;
    uint32_t nanoseconds;
    int64_t offset;
    uint64_t bytes;
    double ratio;
    double pause;
    bool measured; /* of the next two */
    double share;
    struct part first;
    int64_t date;
    enum colour colour;
    struct maqet_strings words;
    struct part *parts;
    size_t part_count;
    char *note;
    char *hidden; /* has no row */
};

static const struct maqet_fields part_fields =
    MAQET_FIELDS_OF(struct part, MAQET_ROW(struct part, name, "what it is called"),
                    MAQET_ROW(struct part, size, "what it takes",
                              .unit = MAQET_UNIT_BYTES, .optional = true));

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct whole, MAQET_ROW(struct whole, name, "what it is called"),
    MAQET_ROW(struct whole, ready, "whether it is"),
    MAQET_ROW(struct whole, pid, "a process"),
    MAQET_ROW(struct whole, nanoseconds, "a part of a second"),
    MAQET_ROW(struct whole, offset, "where"),
    MAQET_ROW(struct whole, bytes, "how much", .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct whole, ratio, "of two"),
    MAQET_ROW(struct whole, pause, "how long", .unit = MAQET_UNIT_MILLISECONDS),
    MAQET_ROW(struct whole, share, "how much of it", .unit = MAQET_UNIT_PERCENT,
              .known = MAQET_KNOWN(struct whole, measured)),
    {"first", MAQET_FIELD_OBJECT(struct whole, first, &part_fields),
     .help = "the first part", .known = MAQET_KNOWN(struct whole, measured)},
    {"date", MAQET_FIELD_DATE(struct whole, date), .help = "when", .optional = true},
    {"colour", MAQET_FIELD_WORD(struct whole, colour, colour_name), .help = "which",
     .optional = true},
    MAQET_ROW(struct whole, words, "some"),
    {"parts", MAQET_FIELD_LIST(struct whole, parts, part_count, &part_fields),
     .help = "all"},
    MAQET_ROW(struct whole, note, "if there is one", .optional = true, .sparse = true));

static const char known[] =
    "{ \"name\": \"a\", \"ready\": true, \"pid\": -5, \"nanoseconds\": 4294967295, "
    "\"offset\": -9223372036854775807, \"bytes\": 18446744073709551615, \"ratio\": 0.5, "
    "\"pause\": 1.500, \"share\": 33.3, \"first\": { \"name\": \"p\", \"size\": 1 }, "
    "\"date\": \"2024-01-01T12:00:00+00:00\", \"colour\": \"green\", "
    "\"words\": [ \"x\", \"y\" ], \"parts\": [ { \"name\": \"q\", \"size\": 2 }, "
    "{ \"name\": \"r\", \"size\": 3 } ], \"note\": \"n\" }";
static const char unknown[] =
    "{ \"name\": \"a\", \"ready\": false, \"pid\": 0, \"nanoseconds\": 0, "
    "\"offset\": 0, \"bytes\": 0, \"ratio\": 0.0, \"pause\": 0.000, \"share\": null, "
    "\"first\": null, \"date\": null, \"colour\": null, \"words\": [ ], \"parts\": [ ] }";

static void
whole_cleanup(struct whole *whole)
{
    free(whole->hidden);
    maqet_fields_clear(&fields, whole);
}

#define _cleanup_whole_ _cleanup_(whole_cleanup)

static void
fill(struct whole *whole)
{
    static const struct part parts[] = {{(char *)"q", 2}, {(char *)"r", 3}};
    const struct whole filled = {
        .name = (char *)"a",
        .ready = true,
        .pid = -5,
        .nanoseconds = UINT32_MAX,
        .offset = -INT64_MAX,
        .bytes = UINT64_MAX,
        .ratio = 0.5,
        .pause = 1.5,
        .measured = true,
        .share = 33.3,
        .first = {(char *)"p", 1},
        .date = 1704110400,
        .colour = GREEN,
        .words = {.items = (char *[]){(char *)"x", (char *)"y"}, .count = 2},
        .parts = (struct part *)parts,
        .part_count = 2,
        .note = (char *)"n",
        .hidden = (char *)"h",
    };

    maqet_fields_copy(&fields, &filled, whole, NULL);
}

static void
check_json(const struct whole *whole, const char *expected)
{
    _cleanup_json_ json_object *object = maqet_fields_to_json(&fields, whole);

    UNIT_SAME(json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED), expected);
}

static void
test_to_json(void)
{
    _cleanup_whole_ struct whole full = {0};
    const struct whole empty = {.name = (char *)"a", .colour = NO_COLOUR};
    const struct part parts[] = {{(char *)"q", 2}, {NULL, 3}};
    _cleanup_json_ json_object *list = maqet_fields_list_to_json(&part_fields, parts, 2);

    fill(&full);
    check_json(&full, known);
    check_json(&empty, unknown);
    UNIT_SAME(json_object_to_json_string(list),
              "[ { \"name\": \"q\", \"size\": 2 }, { \"name\": null, \"size\": 3 } ]");
}

static void
check_round(const char *text)
{
    _cleanup_json_ json_object *object = json_tokener_parse(text);
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_whole_ struct whole whole = {.colour = NO_COLOUR};

    CU_ASSERT_EQUAL(maqet_fields_from_json(&fields, object, &whole, &error), 0);
    check_json(&whole, text);
}

static void
test_from_json(void)
{
    _cleanup_json_ json_object *older =
        json_tokener_parse("{\"name\": \"p\", \"later\": [1]}");
    struct part part = {0};

    check_round(known);
    check_round(unknown);
    /* What may be missing is, and what a later maqet wrote is passed over. */
    CU_ASSERT_EQUAL(maqet_fields_from_json(&part_fields, older, &part, NULL), 0);
    UNIT_SAME(part.name, "p");
    CU_ASSERT_EQUAL(part.size, 0);
    maqet_fields_clear(&part_fields, &part);
}

/* Numbers of a date are those of its zone. */
static void
test_dates(void)
{
    _cleanup_json_ json_object *object = json_tokener_parse(known);
    _cleanup_whole_ struct whole whole = {0};

    json_object_object_add(object, "date",
                           json_object_new_string("2024-01-01T06:30:00-05:30"));
    CU_ASSERT_EQUAL(maqet_fields_from_json(&fields, object, &whole, NULL), 0);
    CU_ASSERT_EQUAL(whole.date, 1704110400);
    setenv("TZ", "XXX-05:45", 1);
    tzset();
    _cleanup_free_ char *text =
        maqet_field_text(maqet_field_find(&fields, "date"), &whole);
    UNIT_SAME(text, "2024-01-01T17:45:00+05:45");
    setenv("TZ", "UTC", 1);
    tzset();
}

/* ---- errors ---- */

/* With one value in the place of another, or (NULL) without it. */
static void
check_error(const char *key, const char *value, const char *expected)
{
    _cleanup_json_ json_object *object = json_tokener_parse(known);
    _cleanup_error_ struct maqet_error *error = NULL;
    static const struct whole zero;
    struct whole whole = {0};

    json_object_object_del(object, key);
    if (value)
        json_object_object_add(object, key, json_tokener_parse(value));
    CU_ASSERT_EQUAL(maqet_fields_from_json(&fields, object, &whole, &error), -1);
    CU_ASSERT_EQUAL_FATAL(error->code, MAQET_ERROR_INVALID);
    UNIT_SAME(error->message, expected);
    CU_ASSERT_EQUAL(memcmp(&whole, &zero, sizeof(whole)), 0);
}

static void
test_errors(void)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct whole whole = {0};

    check_error("name", NULL, "'name' is missing");
    check_error("name", "null", "'name' is missing");
    check_error("name", "5", "'name' is not a string");
    check_error("ready", "1", "'ready' is neither true nor false");
    check_error("pid", "1.5", "'pid' is not an integer");
    check_error("pid", "2147483648", "'pid' is out of range");
    check_error("nanoseconds", "-1", "'nanoseconds' is out of range");
    check_error("nanoseconds", "4294967296", "'nanoseconds' is out of range");
    check_error("bytes", "-1", "'bytes' is out of range");
    check_error("offset", "\"1\"", "'offset' is not an integer");
    check_error("ratio", "\"1\"", "'ratio' is not a number");
    check_error("first", "[]", "'first' is not an object");
    check_error("first", "{}", "'first.name' is missing");
    check_error("date", "\"yesterday\"", "'date' is not a date");
    check_error("colour", "\"blue\"", "'colour' is not one of the known words");
    check_error("words", "{}", "'words' is not a list");
    check_error("words", "[\"a\", 5]", "'words[1]' is not a string");
    check_error("parts", "\"a\"", "'parts' is not a list");
    check_error("parts", "[{\"name\": \"a\"}, 5]", "'parts[1]' is not an object");
    check_error("parts", "[{\"name\": \"a\"}, {\"name\": \"b\", \"size\": \"big\"}]",
                "'parts[1].size' is not an integer");
    CU_ASSERT_EQUAL(maqet_fields_from_json(&fields, NULL, &whole, &error), -1);
    UNIT_SAME(error->message, "it is not an object");
}

/* ---- copies, and single values ---- */

static char *
shout(const char *text)
{
    return maqet_format("%s!", text);
}

/* What has no row can't come along. */
static void
test_copy(void)
{
    _cleanup_whole_ struct whole whole = {0}, copy = {0};

    fill(&whole);
    whole.hidden = maqet_strdup("h");
    maqet_fields_copy(&fields, &whole, &copy, shout);
    UNIT_SAME(copy.name, "a!");
    UNIT_SAME(copy.words.items[1], "y!");
    UNIT_SAME(copy.first.name, "p!");
    UNIT_SAME(copy.parts[1].name, "r!");
    UNIT_SAME(copy.note, "n!");
    CU_ASSERT_EQUAL(copy.parts[1].size, 3);
    CU_ASSERT_EQUAL(copy.bytes, UINT64_MAX);
    CU_ASSERT_EQUAL(copy.colour, GREEN);
    CU_ASSERT_TRUE(copy.ready && copy.measured);
    CU_ASSERT_PTR_NULL(copy.hidden);
}

static void
check_text(const struct whole *whole, const char *key, const char *expected)
{
    _cleanup_free_ char *text = maqet_field_text(maqet_field_find(&fields, key), whole);

    UNIT_SAME(text, expected);
}

static void
test_values(void)
{
    _cleanup_whole_ struct whole whole = {0};

    fill(&whole);
    check_text(&whole, "name", "a");
    check_text(&whole, "ready", "true");
    check_text(&whole, "pause", "1.500");
    check_text(&whole, "share", "33.3");
    check_text(&whole, "colour", "green");
    check_text(&whole, "words", "[ \"x\", \"y\" ]");
    CU_ASSERT_EQUAL(maqet_field_number(maqet_field_find(&fields, "pid"), &whole), -5);
    CU_ASSERT_EQUAL(maqet_field_number(maqet_field_find(&fields, "share"), &whole), 33);
    whole.measured = false;
    check_text(&whole, "share", NULL);
    check_text(&whole, "first", NULL);
    CU_ASSERT_EQUAL(maqet_field_number(maqet_field_find(&fields, "share"), &whole), 0);
    CU_ASSERT_PTR_NULL(maqet_field_find(&fields, "hidden"));
    CU_ASSERT_TRUE(maqet_field_nullable(maqet_field_find(&fields, "share")));
    CU_ASSERT_TRUE(maqet_field_nullable(maqet_field_find(&fields, "note")));
    CU_ASSERT_FALSE(maqet_field_nullable(maqet_field_find(&fields, "name")));
}

static void
test_lists(void)
{
    _cleanup_json_ json_object *list = json_tokener_parse(
        "[{\"name\": \"p\", \"size\": 1}, {\"name\": \"q\"}, {\"name\": \"r\"}]");
    _cleanup_json_ json_object *object = json_object_new_object();
    _cleanup_error_ struct maqet_error *error = NULL;
    void *items;
    size_t count;

    CU_ASSERT_EQUAL(maqet_fields_list_from_json(&part_fields, list, &items, &count, NULL),
                    0);
    CU_ASSERT_EQUAL_FATAL(count, 3);
    UNIT_SAME(((struct part *)items)[2].name, "r");
    maqet_fields_list_free(&part_fields, items, count);
    json_object_object_del(json_object_array_get_idx(list, 1), "name");
    CU_ASSERT_EQUAL(
        maqet_fields_list_from_json(&part_fields, list, &items, &count, &error), -1);
    UNIT_SAME(error->message, "'[1].name' is missing");
    CU_ASSERT_PTR_NULL(items);
    CU_ASSERT_EQUAL(
        maqet_fields_list_from_json(&part_fields, object, &items, &count, &error), -1);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"to JSON", test_to_json}, {"from JSON", test_from_json},
        {"dates", test_dates},     {"errors", test_errors},
        {"copies", test_copy},     {"single values", test_values},
        {"lists", test_lists},     CU_TEST_INFO_NULL,
    };

    setenv("TZ", "UTC", 1);
    return unit_run("field", tests);
}
